#include "shaper/server/health.h"

#include <algorithm>

namespace tasklane {

Health::State Health::state(Time now) const {
  if (!open_until_) return State::closed;
  return now < *open_until_ ? State::open : State::half_open;
}

bool Health::may_try(Time now) const {
  if (!open_until_) return true;
  return now >= *open_until_ && (!trial_ || now - *trial_ > trial_lasts);
}

void Health::trying(Time now) {
  if (open_until_) trial_ = now;
}

void Health::worked() {
  failures_ = 0;
  pause_ = first_pause;
  open_until_.reset();
  trial_.reset();
}

void Health::failed(Time now, std::optional<Duration> pause) {
  ++failures_;
  const bool tried = open_until_.has_value();
  if (!pause && !tried && failures_ < failures_to_open) return;
  if (!tried) ++openings_;
  open_until_ = now + std::clamp(pause.value_or(pause_), Duration::zero(), longest_asked_for);
  if (!pause) pause_ = std::min(2 * pause_, longest_pause);
  trial_.reset();
}

}  // namespace tasklane
