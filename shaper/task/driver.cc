#include "shaper/task/driver.h"

namespace tasklane {

void TaskDriver::on_start() {
  upstreams_.started();
  life_.started();
  perform_all();
}

void TaskDriver::on_share() {
  life_.shared();
  perform_all();
}

void TaskDriver::on_cancel() {
  upstreams_.cancelled();
  life_.cancelled();
  perform_all();
}

void TaskDriver::on_answer(AnswerKind kind, const std::string& text) {
  life_.answered(kind, text);
  perform_all();
}

void TaskDriver::on_result(std::shared_ptr<const TaskResult> result) {
  life_.given(std::move(result), upstreams_.now());
  perform_all();
}

void TaskDriver::replied(const Reply& reply, const AnswerAssembler& assembler) {
  life_.replied(reply, assembler, upstreams_.now());
  perform_all();
}

void TaskDriver::client_left() {
  if (done_) return;
  life_.client_left(desk_.client_gone(id_, upstreams_.now()));
  perform_all();
}

// An effect may tell the next event before it is over.
void TaskDriver::perform_all() {
  if (std::exchange(performing_, true)) return;
  while (perform(life_.next(upstreams_.now()))) {
  }
  performing_ = false;
}

bool TaskDriver::perform(Effect due) {
  if (auto* enter = std::get_if<effect::EnterLane>(&due)) {
    upstreams_.entered(enter->ticket.lane);
    desk_.arrive(std::move(enter->ticket), *this, upstreams_.now());
  } else if (auto* leave = std::get_if<effect::LeaveLane>(&due)) {
    desk_.finished(id_, leave->result, upstreams_.now());
  } else if (std::holds_alternative<effect::Rest>(due)) {
    desk_.rest(id_, upstreams_.now());
  } else if (auto* dial = std::get_if<effect::Dial>(&due)) {
    life_.dialled(upstreams_.dial(*dial->hop), upstreams_.now());
  } else if (auto* send = std::get_if<effect::Send>(&due)) {
    upstreams_.send(std::move(*send));
  } else if (std::holds_alternative<effect::StopUpstream>(due)) {
    upstreams_.stop();
    life_.replied({}, AnswerAssembler(life_.plan().form.dialect), upstreams_.now());
  } else if (auto* done = std::get_if<effect::Done>(&due)) {
    done_ = true;
    desk_.leave(id_);
    upstreams_.done(*done);
    return false;
  } else {
    return false;
  }
  return true;
}

}  // namespace tasklane
