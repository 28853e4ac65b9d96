// Time as the mind knows it: a number that the caller gives. The mind never asks a clock.
#pragma once

#include <chrono>

namespace tasklane {

using Duration = std::chrono::nanoseconds;

// A clock without now(): only what makes a time_point a type of its own.
struct MindClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MindClock>;
  static constexpr bool is_steady = true;
};

// Monotonic; the zero is anywhere (the agent uses CLOCK_MONOTONIC, a simulation starts at 0).
using Time = MindClock::time_point;

constexpr double seconds_of(Duration d) { return std::chrono::duration<double>(d).count(); }
constexpr Duration from_seconds(double s) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
}

}  // namespace tasklane
