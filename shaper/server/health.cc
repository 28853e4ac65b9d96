#include "shaper/server/health.h"

#include <algorithm>
#include <utility>

namespace tasklane {

Health::State Health::state(Time now) const {
  if (!open_until_) return State::closed;
  return now < *open_until_ ? State::open : State::half_open;
}

bool Health::may_try(Time now) const {
  return state(now) == State::closed || (state(now) == State::half_open && !on_trial_);
}

// The longest pause holds.
void Health::open(Time until) {
  if (!open_until_) {
    ++openings_;
    ++epoch_;
  }
  open_until_ = std::max(open_until_.value_or(until), until);
}

void Health::close() {
  failures_ = 0;
  pause_ = first_pause;
  on_trial_ = false;
  if (open_until_) ++epoch_;
  open_until_.reset();
}

Health::Attempt::Attempt(std::shared_ptr<Health> with, Time now)
    : of_(std::move(with)),
      epoch_(of_->epoch_),
      trial_(of_->state(now) == State::half_open && of_->may_try(now)) {
  if (trial_) of_->on_trial_ = true;
}

Health::Attempt::~Attempt() {
  if (of_ && trial_ && epoch_ == of_->epoch_) of_->on_trial_ = false;
}

// One that went because nobody else was left to ask may show, before the pause is over, that it is up again.
void Health::Attempt::worked() {
  const std::shared_ptr<Health> of = std::exchange(of_, nullptr);
  if (of && epoch_ == of->epoch_) of->close();
}

// What was on its way when it was found to be down says nothing new; only a wish for a pause is heard.
void Health::Attempt::failed(Time now, std::optional<Duration> pause) {
  const std::shared_ptr<Health> of = std::exchange(of_, nullptr);
  if (!of) return;
  const bool counts = epoch_ == of->epoch_;
  if (counts) ++of->failures_;
  if (counts && trial_) of->on_trial_ = false;
  if (pause) return of->open(now + std::clamp(*pause, Duration::zero(), longest_asked_for));
  const bool decides = counts && (of->open_until_ ? trial_ : of->failures_ >= failures_to_open);
  if (!decides) return;
  of->open(now + of->pause_);
  of->pause_ = std::min(2 * of->pause_, longest_pause);
}

}  // namespace tasklane
