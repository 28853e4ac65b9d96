// Whether the agent may be given new connections. Being alive is not enough: its heartbeat goes on only while
// it could serve whoever comes next. Time is an argument.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <utility>

#include "shaper/base/time.h"

namespace tasklane {

// Why new connections pass the agent; the first that holds.
enum class Unready { no, late, not_accepting, helper, descriptors, memory, crowded };
// As log, statistics and metrics name it; `no` is empty.
std::string_view to_text(Unready why);

// What is seen at one turn of the loop.
struct Pulse {
  Duration late{};          // so much later than it was to be
  bool accepting = true;    // every listener waits for its next connection
  bool helper = true;       // it answers, or there is none
  bool descriptors = true;  // to spare
  bool memory = true;       // to spare
  bool room = true;         // below the connection limit
};

class Readiness {
 public:
  // An agent whose loop is later than `longest_silence` has been passed by already, and is until its loop has
  // turned in time once.
  explicit Readiness(Duration longest_silence) : longest_silence_(longest_silence) {}

  // What follows from what is seen. True: it is another than before, to be told.
  bool judge(const Pulse& pulse, Time at);
  [[nodiscard]] Unready why() const { return why_; }
  [[nodiscard]] std::uint64_t suspensions() const { return suspensions_; }

  // How late the loop was at most within the last minute.
  [[nodiscard]] Duration longest_late() const;
  // After how long without a sign of life the kernel shall pass the agent by, one sign being due each `tick`:
  // as soon as the loop's own jitter of the last minute allows, never later than configured.
  [[nodiscard]] Duration stale_after(Duration between_beats) const;
  // How far apart signs of life may be while nobody is connected: as far as one that comes as late as the
  // loop was of late allows without the kernel's waiting for longer than it does anyhow.
  [[nodiscard]] Duration rest() const;

 private:
  void note_late(Duration late, Time at);

  Duration longest_silence_;
  Unready why_ = Unready::no;
  std::uint64_t suspensions_ = 0;
  std::deque<std::pair<Time, Duration>> lates_;  // falling, so the first is the longest
};

}  // namespace tasklane
