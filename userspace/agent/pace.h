// How often the agent's pulse beats and what is looked after at a beat: all of it while somebody is connected
// or has just been, less while nobody is. What must stay as fast at rest is how soon a hung agent is passed
// by. Time is an argument.
#pragma once

#include "shaper/base/time.h"

namespace tasklane {

// Several signs of life in the shortest time after which the kernel passes the agent by (half a second);
// models that come and go are followed as fast.
inline constexpr auto tick = std::chrono::milliseconds(100);

class Pace {
 public:
  // What is due at a beat, beside the sign of life.
  struct Due {
    // What the system leaves, and room: while nobody is connected the agent itself takes none.
    bool resources;
    bool models;  // who listens
    bool helper;  // what it sees, and whether it lives
    bool sweep;   // what has been kept for too long
  };
  // `rest`: how far apart the signs of life may be at rest (Readiness::rest()).
  Due beat(Time at, bool connected, Duration rest);

  // At rest whoever connects is worth a beat at once.
  [[nodiscard]] bool resting() const { return resting_; }
  // Until the next beat.
  [[nodiscard]] Duration until_next() const { return resting_ ? rest_ : tick; }

 private:
  Time awake_until_{};
  bool resting_ = false;
  Duration rest_{};
  Time resources_{};
  Time models_{};
  Time helper_{};
  Time swept_{};
};

}  // namespace tasklane
