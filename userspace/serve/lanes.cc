#include "userspace/serve/lanes.h"

#include <boost/asio/post.hpp>
#include <utility>

namespace tasklane {

void Lanes::chat_begins(RequestId id, const ChatSender& sender, const std::string& upstream) {
  Ticket ticket;
  ticket.id = id;
  ticket.request_class = sender.request_class;
  ticket.lane = Lane::interactive;
  ticket.tenant = sender.tenant;
  ticket.chat = sender.chat;
  ticket.typist = sender.typist;
  ticket.newcomer = sender.newcomer;
  ticket.typed = sender.sent;
  ticket.upstream = upstream;
  carry_out(admission_.arrive(std::move(ticket), now()));
}

void Lanes::chat_ends(RequestId id) { carry_out(admission_.finished(id, now())); }

void Lanes::arrive(Ticket ticket, WaitingTask& task) {
  tasks_[ticket.id] = &task;
  carry_out(admission_.arrive(std::move(ticket), now()));
}

bool Lanes::client_gone(RequestId id) {
  carry_out(admission_.client_gone(id, now()));
  return !followers_of(id).empty();
}

std::vector<RequestId> Lanes::followers_of(RequestId leader) const {
  std::vector<RequestId> sharing;
  for (auto it = followers_.lower_bound({leader, 0}); it != followers_.end() && it->first == leader; ++it)
    sharing.push_back(it->second);
  return sharing;
}

void Lanes::finished(RequestId id, std::shared_ptr<const TaskResult> result) {
  for (const RequestId follower : followers_of(id)) {
    follow_nobody(follower);
    if (const auto task = tasks_.find(follower); task != tasks_.end()) task->second->on_result(result);
  }
  carry_out(admission_.finished(id, now()));
}

void Lanes::follow(RequestId id, RequestId leader) {
  follow_nobody(id);
  followers_.emplace(leader, id);
  leaders_[id] = leader;
}

void Lanes::follow_nobody(RequestId id) {
  const auto leader = leaders_.extract(id);
  if (!leader.empty()) followers_.erase({leader.mapped(), id});
}

void Lanes::leave(RequestId id) {
  tasks_.erase(id);
  follow_nobody(id);
}

void Lanes::prewarm(const std::string& upstream, Time until) {
  admission_.prewarm(upstream, until);
  carry_out(admission_.tick(now()));
}

void Lanes::release(bool on) { carry_out(admission_.release(on, now())); }

void Lanes::use_slots(const std::string& upstream, unsigned slots, unsigned reserve) {
  admission_.use_slots(upstream, slots, reserve);
  carry_out(admission_.tick(now()));
}

void Lanes::carry_out(const Actions& actions) {
  for (const Action& action : actions) {
    const RequestId id = std::visit([](const auto& each) { return each.id; }, action);
    if (const auto* rewarm = std::get_if<Rewarm>(&action); rewarm != nullptr && on_rewarm_)
      on_rewarm_(*rewarm);
    if (const auto* share = std::get_if<Share>(&action)) follow(id, share->leader);
    const auto task = tasks_.find(id);
    if (task == tasks_.end()) continue;  // a chat: it goes by itself
    if (std::holds_alternative<Start>(action)) {
      follow_nobody(id);
      task->second->on_start();
    }
    if (std::holds_alternative<Cancel>(action)) task->second->on_cancel();
    if (const auto* answer = std::get_if<AnswerNow>(&action))
      task->second->on_answer(answer->kind, answer->text);
  }
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
  const std::optional<Time> next = admission_.next_wakeup(now());
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
    carry_out(admission_.tick(now()));
  });
}

}  // namespace tasklane
