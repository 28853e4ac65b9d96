// What a server was seen to take of the constraints (shaper/task/constrain.h). Forgotten after an hour, for a
// server may be a newer one then.
#pragma once

#include "shaper/base/time.h"

namespace tasklane {

// Which of them a task is to carry, or a server is known to take.
struct Constraints {
  bool schema = true;
  bool cap = true;
  bool no_thinking = true;
  bool stream = true;  // asked as a stream, with its usage, whatever the client asked for
  // Of those that shape the answer.
  [[nodiscard]] bool any() const { return schema || cap || no_thinking; }
  bool operator==(const Constraints&) const = default;
};
inline constexpr Constraints no_constraints{false, false, false};

class TakenConstraints {
 public:
  // All of them where nothing else is known.
  [[nodiscard]] Constraints at(Time now) const { return now < until_ ? taken_ : Constraints{}; }
  void remember(Constraints taken, Time now) {
    taken_ = taken;
    until_ = now + known_for;
  }

 private:
  static constexpr Duration known_for = std::chrono::hours(1);
  Constraints taken_;
  Time until_{};
};

// Numbers of items and lengths are those of the shipped template; somebody's own may ask for more, and gets
// types alone.
enum class SchemaBounds { of_shipped_template, none };

}  // namespace tasklane
