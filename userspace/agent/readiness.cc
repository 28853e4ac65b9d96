#include "userspace/agent/readiness.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr Duration remembered = std::chrono::minutes(1);
// A machine that computes a model runs its other programs late now and then: so many times what was seen is
// no hang. And shorter than this says nothing on any machine.
constexpr int times_as_late = 4;
constexpr Duration least_silence = std::chrono::milliseconds(500);

Unready unready_of(const Pulse& pulse, Duration longest_silence) {
  if (pulse.late > longest_silence) return Unready::late;
  if (!pulse.accepting) return Unready::not_accepting;
  if (!pulse.helper) return Unready::helper;
  if (!pulse.descriptors) return Unready::descriptors;
  if (!pulse.memory) return Unready::memory;
  return pulse.room ? Unready::no : Unready::crowded;
}

}  // namespace

std::string_view to_text(Unready why) {
  switch (why) {
    case Unready::late:
      return "loop_late";
    case Unready::not_accepting:
      return "not_accepting";
    case Unready::helper:
      return "helper";
    case Unready::descriptors:
      return "descriptors";
    case Unready::memory:
      return "memory";
    case Unready::crowded:
      return "connections";
    case Unready::no:
      break;
  }
  return "";
}

bool Readiness::judge(const Pulse& pulse, Time at) {
  note_late(pulse.late, at);
  const Unready now = unready_of(pulse, longest_silence_);
  const Unready before = std::exchange(why_, now);
  if (before == Unready::no && now != Unready::no) ++suspensions_;
  return now != before;
}

void Readiness::note_late(Duration late, Time at) {
  while (!lates_.empty() && lates_.back().second <= late) lates_.pop_back();
  lates_.emplace_back(at, late);
  while (lates_.front().first + remembered < at) lates_.pop_front();
}

Duration Readiness::longest_late() const {
  return lates_.empty() ? Duration::zero() : std::max(lates_.front().second, Duration::zero());
}

Duration Readiness::stale_after(Duration between_beats) const {
  const Duration wanted = between_beats + times_as_late * longest_late();
  return std::min(longest_silence_, std::max(least_silence, wanted));
}

Duration Readiness::rest() const {
  const Duration silence = std::min(longest_silence_, least_silence);
  return std::clamp(silence - times_as_late * longest_late(), silence / 5, silence * 4 / 5);
}

}  // namespace tasklane
