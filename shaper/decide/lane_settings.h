// How a rule wants a task to be handled in its lane: the typed settings under `then`, and the table of what
// is known of each. A new setting is a field and its row below: the parser, the remarks of `tasklane check`
// and the tests of the JSON schema and of the reference loop over the table. Passive data.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <variant>

#include "shaper/base/request_class.h"
#include "shaper/base/time.h"
#include "shaper/base/units.h"

namespace tasklane {

enum class OverRate { hold, answer, reject };
enum class RatePer { client, model, request_class };

struct RateLimit {
  RatePer per = RatePer::client;
  Rate limit;
  double burst = 1;
  OverRate over = OverRate::hold;
};

enum class WhileChat { answer, hold };

// What holds where a rule says nothing stands here, as the value of a new object.
struct LaneSettings {
  std::optional<Lane> lane;
  Duration settle = std::chrono::milliseconds(400);
  bool hold = true;
  Duration quiet = std::chrono::milliseconds(1500);
  Duration max_wait = std::chrono::seconds(30);
  std::optional<unsigned> preempt = 3;
  bool slices = true;
  Duration debounce{};
  bool supersede = true;
  bool type_ahead = true;
  WhileChat while_chat = WhileChat::answer;
  bool coalesce = true;
  std::optional<Duration> cache;
  std::optional<RateLimit> rate;
  std::optional<unsigned> concurrency;
  std::optional<double> share;  // in (0, 1]
  std::optional<Duration> deadline;
  bool answer = false;
  bool constrain = false;
  bool align = false;
};

// Some of the lanes.
class LaneSet {
 public:
  constexpr LaneSet(std::initializer_list<Lane> lanes) {
    for (const Lane lane : lanes) has_.at(static_cast<std::size_t>(lane)) = true;
  }
  [[nodiscard]] constexpr bool contains(Lane lane) const { return has_.at(static_cast<std::size_t>(lane)); }

 private:
  std::array<bool, all_lanes.size()> has_{};
};

struct LaneSetting {
  // Where it is kept; the type of the field says how it is written.
  using Place = std::variant<bool LaneSettings::*, Duration LaneSettings::*, WhileChat LaneSettings::*,
                             std::optional<Lane> LaneSettings::*, std::optional<Duration> LaneSettings::*,
                             std::optional<unsigned> LaneSettings::*, std::optional<double> LaneSettings::*,
                             std::optional<RateLimit> LaneSettings::*>;

  std::string_view name;
  Place place;
  LaneSet lanes;               // in which it means something
  std::string_view help;       // one sentence, which the JSON schema has word by word
  bool may_be_off = false;     // `false` is a value of an optional one: it is empty then
  bool answers_empty = false;  // all that it does is an empty answer
};

inline constexpr LaneSet any_lane{Lane::interactive, Lane::blocking, Lane::background, Lane::keystroke};
inline constexpr LaneSet every_task{Lane::blocking, Lane::background, Lane::keystroke};
inline constexpr LaneSet what_waits{Lane::background, Lane::keystroke};
inline constexpr LaneSet background_alone{Lane::background};
inline constexpr LaneSet keystrokes_alone{Lane::keystroke};

inline constexpr auto lane_setting_table = std::to_array<LaneSetting>({
    {"lane", &LaneSettings::lane, any_lane, "The class's own where not given"},
    {"settle", &LaneSettings::settle, background_alone, "Wait for the chat that may be right behind"},
    {"hold", &LaneSettings::hold, what_waits, "Wait while a chat runs on the upstream"},
    {"quiet", &LaneSettings::quiet, what_waits, "And so long after it"},
    {"max_wait", &LaneSettings::max_wait, what_waits, "Then it goes regardless"},
    {"preempt", &LaneSettings::preempt, what_waits, "How often a chat may cancel it; false: never",
     /*may_be_off=*/true},
    {"slices", &LaneSettings::slices, what_waits,
     "Background and keystroke: a long prompt is prefilled in growing parts of about a quarter of a second "
     "each (of a token or two's time while a chat is being answered beside), where the upstream's figures "
     "show that it keeps them"},
    {"debounce", &LaneSettings::debounce, keystrokes_alone,
     "Keystroke: for clients that do not wait themselves"},
    {"supersede", &LaneSettings::supersede, keystrokes_alone,
     "Keystroke: the newest of a typist replaces the older"},
    {"type_ahead", &LaneSettings::type_ahead, keystrokes_alone,
     "Keystroke: answered from the last suggestion while it fits"},
    {"while_chat", &LaneSettings::while_chat, keystrokes_alone, "Keystroke: what happens while a chat runs"},
    {"coalesce", &LaneSettings::coalesce, every_task, "Identical requests in flight share one answer"},
    {"cache", &LaneSettings::cache, every_task, "How long an answer serves for the same question again",
     /*may_be_off=*/true},
    {"rate", &LaneSettings::rate, every_task, "How often, and what becomes of a request past that"},
    {"concurrency", &LaneSettings::concurrency, every_task, "Of the class on an upstream"},
    {"share", &LaneSettings::share, keystrokes_alone,
     "Keystroke: of the upstream's time, \"5%\"; past it answered empty"},
    {"deadline", &LaneSettings::deadline, every_task,
     "Then answered empty. Keystroke: by when it ends (3s); else: by when it starts (never)",
     /*may_be_off=*/false, /*answers_empty=*/true},
    {"answer", &LaneSettings::answer, every_task, "Always answered empty: the automation is off",
     /*may_be_off=*/false, /*answers_empty=*/true},
    {"constrain", &LaneSettings::constrain, every_task, "The answer's JSON schema, a token cap, no thinking"},
    {"align", &LaneSettings::align, every_task, "The load options of the chat that uses the same model"},
});

// The row of a setting; null: there is none of that name.
constexpr const LaneSetting* lane_setting(std::string_view name) {
  for (const LaneSetting& setting : lane_setting_table)
    if (setting.name == name) return &setting;
  return nullptr;
}

}  // namespace tasklane
