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

// The longest pause holds. Of the causes the last counts, but a server that asked for a pause gets it whole.
void Health::open(Time until, Cause cause) {
  const bool opens = !open_until_;
  if (opens) {
    ++openings_;
    ++epoch_;
  }
  if (opens || cause_ != Cause::asked_for) cause_ = cause;
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
  ++of_->under_way_;
  if (trial_) of_->on_trial_ = true;
}

Health::Attempt::~Attempt() {
  const std::shared_ptr<Health> of = take();
  if (of && trial_ && epoch_ == of->epoch_) of->on_trial_ = false;
}

// Null: it has had its word.
std::shared_ptr<Health> Health::Attempt::take() {
  std::shared_ptr<Health> of = std::exchange(of_, nullptr);
  if (of) --of->under_way_;
  return of;
}

// One that went because nobody else was left to ask may show, before the pause is over, that it is up again.
void Health::Attempt::worked() {
  const std::shared_ptr<Health> of = take();
  if (!of || epoch_ != of->epoch_) return;
  of->outvoted_ |= of->open_until_ && of->cause_ == Cause::away;
  of->close();
}

bool Health::Attempt::is_left_alone() const {
  return of_ && epoch_ != of_->epoch_ && of_->open_until_ && of_->cause_ == Cause::away;
}

void Health::Attempt::failed(Time now, std::optional<Duration> pause) { count(now, pause, false); }
void Health::Attempt::unreached(Time now) { count(now, std::nullopt, true); }

// What was on its way when it was found to be down says nothing new; only a wish for a pause is heard.
void Health::Attempt::count(Time now, std::optional<Duration> pause, bool away) {
  const std::shared_ptr<Health> of = take();
  if (!of) return;
  const bool counts = epoch_ == of->epoch_;
  if (counts) ++of->failures_;
  if (counts && trial_) of->on_trial_ = false;
  if (pause) return of->open(now + std::clamp(*pause, Duration::zero(), longest_asked_for), Cause::asked_for);
  const bool decides = counts && (of->open_until_ ? trial_ : of->failures_ >= failures_to_open);
  if (!decides) return;
  of->open(now + of->pause_, away ? Cause::away : Cause::answers);
  of->pause_ = std::min(2 * of->pause_, longest_pause);
}

void Health::Question::there() const {
  of_->outvoted_ = false;
  if (epoch_ == of_->epoch_ && of_->open_until_ && of_->cause_ == Cause::away) of_->close();
}

void Health::Question::ill(Time until) const {
  if (!of_->open_until_ && !of_->outvoted_) away(until);
}

// A server that was away and is back is another one than that whose answers failed.
void Health::Question::away(Time until) const {
  if (epoch_ == of_->epoch_) of_->open(until, Cause::away);
}

}  // namespace tasklane
