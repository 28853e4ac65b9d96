#include "userspace/relay/lanes.h"

#include <utility>
#include <vector>

namespace tasklane {

void Lanes::chat_begins(RequestId id, RequestClass request_class, ChatKey chat, const std::string& upstream) {
  Ticket ticket;
  ticket.id = id;
  ticket.request_class = request_class;
  ticket.lane = Lane::interactive;
  ticket.chat = chat;
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
  return followers_.contains(id);
}

void Lanes::finished(RequestId id, std::shared_ptr<const TaskResult> result) {
  const auto range = followers_.equal_range(id);
  std::vector<RequestId> sharing;
  for (auto it = range.first; it != range.second; ++it) sharing.push_back(it->second);
  followers_.erase(range.first, range.second);
  for (const RequestId follower : sharing)
    if (const auto task = tasks_.find(follower); task != tasks_.end()) task->second->on_result(result);
  carry_out(admission_.finished(id, now()));
}

void Lanes::leave(RequestId id) {
  tasks_.erase(id);
  follow_nobody(id);
}

void Lanes::follow(RequestId id, RequestId leader) {
  follow_nobody(id);
  followers_.emplace(leader, id);
}

void Lanes::follow_nobody(RequestId id) {
  std::erase_if(followers_, [id](const auto& entry) { return entry.second == id; });
}

void Lanes::prewarm(const std::string& upstream, Time until) {
  admission_.prewarm(upstream, until);
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
  set_timer();
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
