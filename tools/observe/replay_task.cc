#include "tools/observe/replay_host.h"

namespace tasklane::observe {

ReplayTask::ReplayTask(Host& host, std::size_t place, TaskPlan plan, std::vector<Hop> hops)
    : simulate::Task(host.lanes_, std::move(plan), std::move(hops)), host_(host), place_(place) {}

Fate& ReplayTask::fate() { return host_.fates_[place_]; }

void ReplayTask::client_leaves() {
  if (is_done()) return;
  fate().left = true;
  client_left();
}

void ReplayTask::begin_held() { held_since_ = now(); }

void ReplayTask::end_held() {
  if (!held_since_) return;
  if (now() > *held_since_) fate().spans.push_back({SpanKind::held, *held_since_, now()});
  held_since_.reset();
}

void ReplayTask::entered(Lane lane) {
  fate().lane = lane;
  begin_held();
}

sim::Work ReplayTask::work_of(sim::GenerationRequest& request) {
  return host_.work_of(host_.trace_.requests[place_], request, *host_.servers_.at(asked_at().name).model);
}

std::string ReplayTask::content() const {
  return simulate::content_of(host_.trace_.requests[place_].request_class(), "an answer");
}

void ReplayTask::on_sent() {
  end_held();
  stay_.emplace(fate(), host_.world_);
  fate().server = asked_at().name;
}

void ReplayTask::on_ended(bool whole) {
  if (stay_ && whole) stay_->done();
  if (stay_ && !whole) stay_->cancelled();
  stay_.reset();
  if (!whole) begin_held();
}

void ReplayTask::done(const effect::Done& done) {
  end_held();
  fate().ended = now();
  if (done.answer && !fate().left) {
    fate().first_token = now();
    fate().without_model = !life().asked() || fate().server.empty();
  }
  host_.ended(place_);
  host_.world_.after(Duration::zero(),
                     [&host = host_, id = life().plan().ticket.id] { host.tasks_.erase(id); });
}

}  // namespace tasklane::observe
