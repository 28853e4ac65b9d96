#include "userspace/serve/lanes.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace tasklane {

void Lanes::chat_begins(Ticket ticket) {
  desk_.chat_begins(std::move(ticket), now());
  set_timer_soon();
}

void Lanes::chat_ends(RequestId id) {
  desk_.chat_ends(id, now());
  set_timer_soon();
}

void Lanes::arrive(Ticket ticket, WaitingTask& task) {
  desk_.arrive(std::move(ticket), task, now());
  set_timer_soon();
}

bool Lanes::client_gone(RequestId id) {
  const bool others_wait = desk_.client_gone(id, now());
  set_timer_soon();
  return others_wait;
}

void Lanes::finished(RequestId id, const std::shared_ptr<const TaskResult>& result) {
  desk_.finished(id, result, now());
  set_timer_soon();
}

void Lanes::rest(RequestId id) {
  desk_.rest(id, now());
  set_timer_soon();
}

void Lanes::prewarm(const std::string& upstream, Time until) {
  admission().prewarm(upstream, until);
  desk_.tick(now());
  set_timer_soon();
}

void Lanes::release(bool on) {
  desk_.release(on, now());
  set_timer_soon();
}

void Lanes::use_slots(const std::string& upstream, unsigned slots, unsigned reserve) {
  admission().use_slots(upstream, slots, reserve);
  desk_.tick(now());
  set_timer_soon();
}

// Once for all that comes in one round of the loop, and behind what was decided: it looks at every task.
void Lanes::set_timer_soon() {
  if (timer_to_be_set_) return;
  asio::post(timer_.get_executor(), [this] {
    timer_to_be_set_ = false;
    set_timer();
  });
  timer_to_be_set_ = true;
}

void Lanes::set_timer() {
  const std::optional<Time> next = admission().next_wakeup(now());
  if (next == timer_set_) return;
  timer_set_ = next;
  if (!next) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(Timer::time_point(std::chrono::duration_cast<Timer::duration>(next->time_since_epoch())));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    timer_set_.reset();
    desk_.tick(now());
    set_timer_soon();
  });
}

}  // namespace tasklane
