// The ways that are held against each other, and one host of people in virtual time on one of them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "shaper/count/statistics.h"
#include "tools/bench/chat/front.h"
#include "tools/bench/chat/people.h"

namespace tasklane::bench {

// What of Tasklane is left out, to see what it is worth.
struct Without {
  bool settle = false, quiet = false, preempt = false, slices = false, rewarm = false, graft = false;
};

struct Way {
  const char* name;
  bool tasks;
  const char* profile;  // null: direct
  bool second_server;
  Without without;
};

inline constexpr Way direct_all{"direct, all tasks", true, nullptr, false, {}};
inline constexpr Way direct_none{"direct, no tasks (the ideal)", false, nullptr, false, {}};
inline constexpr Way one_model{"Tasklane, one model", true, "one-model.json", false, {}};
inline constexpr Way task_model{"Tasklane, task model of its own", true, "task-model.json", true, {}};

// So much faster is the task model.
inline constexpr unsigned task_model_speed = 4;

// The model server of all ways.
sim::EngineOptions model_options();

struct HostOptions {
  sim::EngineOptions model = model_options();
  Habits habits;
  Duration how_long{};
  std::string config;  // the folder of the profiles
};

struct HostSeen {
  Seen seen;
  std::map<Lane, LaneCounters> lanes;
  RewarmCounters rewarm;
  RelayCounters relay;
  std::uint64_t misjudged = 0;  // chats taken for tasks, tasks for chats
  std::uint64_t model_requests = 0;
  std::uint64_t model_prompt_tokens = 0;
  std::uint64_t task_model_requests = 0;
};

struct LaneEvent {
  Lane lane;
  const char* name;
  std::uint64_t LaneCounters::*count;
};
inline constexpr std::array lane_events{
    LaneEvent{Lane::keystroke, "started", &LaneCounters::started},
    LaneEvent{Lane::keystroke, "sliced", &LaneCounters::sliced},
    LaneEvent{Lane::keystroke, "type_ahead", &LaneCounters::type_ahead},
    LaneEvent{Lane::keystroke, "answered_empty", &LaneCounters::answered_empty},
    LaneEvent{Lane::keystroke, "over_share", &LaneCounters::over_share},
    LaneEvent{Lane::keystroke, "expired", &LaneCounters::expired},
    LaneEvent{Lane::background, "started", &LaneCounters::started},
    LaneEvent{Lane::background, "sliced", &LaneCounters::sliced},
    LaneEvent{Lane::background, "pre_empted", &LaneCounters::pre_empted},
    LaneEvent{Lane::background, "overdue", &LaneCounters::overdue},
};

// What lanes did, by name.
using Counts = std::map<std::string, std::uint64_t>;
Counts lane_counts(const HostSeen& host);

HostSeen live_virtually(const Way& way, HostOptions options);

}  // namespace tasklane::bench
