// How a rule wants a task to be handled in its lane: the typed settings under `then`.
#pragma once

#include <optional>

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

struct LaneSettings {
  // Where the rule sets nothing of this: the request goes at once, as it came.
  std::optional<Lane> lane;
  Duration settle = std::chrono::milliseconds(400);  // for the chat that may be right behind
  bool hold = true;                                  // wait while a chat runs on the upstream
  Duration quiet = std::chrono::milliseconds(1500);  // and so long after it
  Duration max_wait = std::chrono::seconds(30);      // then it goes regardless
  std::optional<unsigned> preempt = 3;               // how often a chat may cancel it; none: never
  Duration debounce{};                               // keystroke: for clients that do not wait themselves
  bool supersede = true;                             // keystroke: the newest of a typist replaces the older
  bool type_ahead = true;                    // keystroke: answered from the last suggestion while it fits
  WhileChat while_chat = WhileChat::answer;  // keystroke: what happens while a chat runs
  bool coalesce = true;                      // identical requests in flight share one answer
  std::optional<Duration> cache;             // how long an answer serves for the same question again
  std::optional<RateLimit> rate;
  std::optional<unsigned> concurrency;  // of the rule's class on an upstream
  std::optional<double> share;  // keystroke: of the upstream's time, in (0, 1]; past it answered empty
  std::optional<Duration>
      deadline;            // keystroke: from arrival to the end; else: to the start. Then answered empty
  bool answer = false;     // always answered empty: the automation is off
  bool constrain = false;  // the answer's JSON schema, a token cap, no thinking
  bool slices = true;  // a long prompt is prefilled bit by bit, where the upstream shows that it keeps them
  bool align = false;  // the load options of the chat that uses the same model
};

}  // namespace tasklane
