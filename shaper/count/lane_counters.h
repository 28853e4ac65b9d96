// What a lane has seen and done. A new figure is a field and its row in the table below it.
#pragma once

#include <array>
#include <cstdint>

#include "shaper/base/time.h"
#include "shaper/count/figure.h"

namespace tasklane {

struct LaneCounters {
  std::uint64_t arrived = 0;
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t pre_empted = 0;
  std::uint64_t sliced = 0;  // slices asked ahead of a long prompt
  std::uint64_t superseded = 0;
  std::uint64_t type_ahead = 0;
  std::uint64_t coalesced = 0;
  std::uint64_t cached = 0;          // answered from the cache
  std::uint64_t expired = 0;         // past their deadline, or sure to be
  std::uint64_t answered_empty = 0;  // by rule, by rate, or because a chat ran
  std::uint64_t over_share = 0;      // answered empty, for keystrokes had had their share of the time
  std::uint64_t rejected = 0;
  std::uint64_t overdue = 0;  // let go past their longest wait
  std::uint64_t client_gone = 0;
  Duration held{};  // waited in all
  Duration longest_held{};
  // What it was worth: the work of tasks that would have run beside a chat, and prompts that no server read.
  Duration kept_from_chats{};
  std::uint64_t prompt_tokens_spared = 0;
};

// What is in a lane now.
struct LanePresence {
  std::uint64_t waiting = 0;
  std::uint64_t running = 0;
};

// How many requests a server computes at once, and how many of them background work leaves to chats.
struct ServerRoom {
  unsigned slots = 1;
  unsigned reserve = 0;
};

// A lane as people see it.
struct LaneView : LaneCounters {
  std::uint64_t waiting = 0;
  std::uint64_t running = 0;
  std::uint64_t rewarmed = 0;  // Tasklane's own work, in the background
};

inline constexpr EventFamily lane_events{"tasklane_lane_events_total",
                                         "What became of requests in their lanes"};
inline constexpr auto lane_figures = std::to_array<Figure<LaneView>>({
    {&LaneView::waiting, "waiting", "tasklane_lane_waiting", "Requests that wait for their turn", "WAITING",
     FigureKind::gauge},
    {&LaneView::running, "running", "tasklane_lane_running", "Requests that a server computes", "RUNNING",
     FigureKind::gauge},
    {&LaneView::arrived, "arrived", "", "came", "ARRIVED"},
    {&LaneView::started, "started", "", "were let go (once more after a chat had cancelled them)", "STARTED"},
    {&LaneView::finished, "finished", "", "came to their end", "FINISHED"},
    {&LaneView::held, "held_seconds", "tasklane_lane_held_seconds_total",
     "Time that requests waited for their turn", "HELD"},
    {&LaneView::longest_held, "longest_held_seconds", "tasklane_lane_longest_held_seconds",
     "The longest time that a request waited for its turn", if_any("LONGEST"), FigureKind::gauge},
    {&LaneView::pre_empted, "pre_empted", "", "cancelled for a chat", if_any("PRE-EMPTED")},
    {&LaneView::sliced, "sliced", "", "slices asked ahead of long prompts", if_any("SLICED")},
    {&LaneView::rewarmed, "rewarmed", "", "requests of Tasklane's own that kept a chat's prompt cached",
     if_any("RE-WARMED")},
    {&LaneView::superseded, "superseded", "", "replaced by a newer one", if_any("SUPERSEDED")},
    {&LaneView::type_ahead, "type_ahead", "", "answered from the last suggestion", if_any("TYPE-AHEAD")},
    {&LaneView::coalesced, "coalesced", "", "shared an answer in flight", if_any("COALESCED")},
    {&LaneView::cached, "cached", "", "answered from memory", if_any("CACHED")},
    {&LaneView::expired, "expired", "", "past the deadline", if_any("EXPIRED")},
    {&LaneView::answered_empty, "answered_empty", "", "by rule, rate or for a chat", if_any("EMPTY")},
    {&LaneView::over_share, "over_share", "", "past their share of the time", if_any("OVER SHARE")},
    {&LaneView::rejected, "rejected", "", "over their rate", if_any("REJECTED")},
    {&LaneView::overdue, "overdue", "", "let go past `max_wait`", if_any("OVERDUE")},
    {&LaneView::client_gone, "client_gone", "", "their client went away", if_any("LEFT")},
    {&LaneView::kept_from_chats, "kept_from_chats_seconds", "tasklane_kept_from_chats_seconds_total",
     "Work of tasks that would have run beside a chat"},
    {&LaneView::prompt_tokens_spared, "prompt_tokens_spared", "tasklane_prompt_tokens_spared_total",
     "Estimated prompt tokens that no server had to read"},
});
static_assert(bytes_in(lane_figures) == sizeof(LaneView), "a figure for each field");

// Tasklane's own requests that keep a chat's prompt cached.
struct RewarmCounters {
  std::uint64_t asked = 0;
  std::uint64_t finished = 0;
  std::uint64_t gave_way = 0;
};

inline constexpr EventFamily rewarm_events{"tasklane_rewarms_total",
                                           "Requests that kept a chat's prompt cached"};
inline constexpr auto rewarm_figures = std::to_array<Figure<RewarmCounters>>({
    {&RewarmCounters::asked, "asked", "", "were asked"},
    {&RewarmCounters::finished, "finished", "", "came to their end"},
    {&RewarmCounters::gave_way, "gave_way", "", "were cancelled for a chat"},
});
static_assert(bytes_in(rewarm_figures) == sizeof(RewarmCounters), "a figure for each field");

}  // namespace tasklane
