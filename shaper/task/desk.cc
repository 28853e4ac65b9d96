#include "shaper/task/desk.h"

#include <algorithm>
#include <iterator>

namespace tasklane {

void Desk::arrive(Ticket ticket, WaitingTask& task, Time now) {
  tasks_[ticket.id] = &task;
  carry_out(admission_.arrive(std::move(ticket), now));
}

bool Desk::client_gone(RequestId id, Time now) {
  carry_out(admission_.client_gone(id, now));
  follow_nobody(id);
  return !followers_of(id).empty();
}

std::vector<RequestId> Desk::followers_of(RequestId leader) const {
  std::vector<RequestId> sharing;
  for (auto it = followers_.lower_bound({leader, 0}); it != followers_.end() && it->first == leader; ++it)
    sharing.push_back(it->second);
  return sharing;
}

void Desk::finished(RequestId id, const std::shared_ptr<const TaskResult>& result, Time now) {
  const std::vector<RequestId> followers = followers_of(id);
  for (const RequestId follower : followers) follow_nobody(follower);
  carry_out(admission_.finished(id, now));
  for (const RequestId follower : followers)
    if (const auto task = tasks_.find(follower); task != tasks_.end()) task->second->on_result(result);
}

void Desk::follow(RequestId id, RequestId leader) {
  follow_nobody(id);
  followers_.emplace(leader, id);
  leaders_[id] = leader;
}

void Desk::follow_nobody(RequestId id) {
  const auto leader = leaders_.extract(id);
  if (!leader.empty()) followers_.erase({leader.mapped(), id});
}

void Desk::leave(RequestId id) {
  tasks_.erase(id);
  follow_nobody(id);
}

// In the order in which they were decided, also where a task that is told of one brings about the next.
void Desk::carry_out(Actions actions) {
  std::move(actions.begin(), actions.end(), std::back_inserter(decided_));
  if (std::exchange(carrying_out_, true)) return;
  while (!decided_.empty()) {
    const Action action = std::move(decided_.front());
    decided_.pop_front();
    carry_out(action);
  }
  carrying_out_ = false;
}

void Desk::carry_out(const Action& action) {
  const RequestId id = std::visit([](const auto& each) { return each.id; }, action);
  if (const auto* rewarm = std::get_if<Rewarm>(&action); rewarm != nullptr && on_rewarm_) on_rewarm_(*rewarm);
  if (const auto* share = std::get_if<Share>(&action)) follow(id, share->leader);
  const bool alone = std::holds_alternative<Start>(action) || std::holds_alternative<AnswerNow>(action);
  if (alone) follow_nobody(id);
  const auto task = tasks_.find(id);
  if (task == tasks_.end()) return;  // a chat: it goes by itself
  if (std::holds_alternative<Start>(action)) task->second->on_start();
  if (std::holds_alternative<Share>(action)) task->second->on_share();
  if (std::holds_alternative<Cancel>(action)) task->second->on_cancel();
  if (const auto* answer = std::get_if<AnswerNow>(&action))
    task->second->on_answer(answer->kind, answer->text);
}

}  // namespace tasklane
