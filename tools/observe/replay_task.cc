#include "tools/modelsim/dialect_answer.h"
#include "tools/observe/replay_host.h"

namespace tasklane::observe {
namespace {

// As the model would write it: the class's object.
std::string content_of(RequestClass request_class) {
  const AnswerContract& contract = class_row(request_class).contract;
  if (contract.key.empty()) return "an answer";
  const bool plain = contract.value == AnswerContract::Value::text;
  const nlohmann::json value = plain ? nlohmann::json("an answer") : nlohmann::json::array({"an answer"});
  return nlohmann::json{{std::string(contract.key), value}}.dump();
}

}  // namespace

bool ReplayTask::perform(Effect due) {
  if (auto* enter = std::get_if<effect::EnterLane>(&due)) {
    fate().lane = enter->ticket.lane;
    begin_held();
    host_.desk_.arrive(std::move(enter->ticket), *this, host_.world_.now());
  } else if (auto* leave = std::get_if<effect::LeaveLane>(&due)) {
    host_.desk_.finished(id_, leave->result, host_.world_.now());
  } else if (auto* dial = std::get_if<effect::Dial>(&due)) {
    server_ = &host_.server_of(dial->hop->server);
    life_.dialled(std::nullopt, host_.world_.now());
  } else if (auto* send = std::get_if<effect::Send>(&due)) {
    submit(*send);
  } else if (std::holds_alternative<effect::StopUpstream>(due)) {
    server_->server->close(running_);
    if (stay_) stay_->cancelled();
    stay_.reset();
    begin_held();
    life_.replied({}, AnswerAssembler(dialect_), host_.world_.now());
  } else if (auto* done = std::get_if<effect::Done>(&due)) {
    finish(*done);
    return false;
  } else {
    return false;
  }
  return true;
}

void ReplayTask::submit(const effect::Send& send) {
  end_held();
  auto parsed = sim::parse_generation(send.dialect, send.body, server_->model->engine.flavour);
  if (!parsed) {
    life_.replied({}, AnswerAssembler(dialect_), host_.world_.now());
    return;
  }
  const ObservedRequest& request = host_.trace_.requests[place_];
  sim::Work work = host_.work_of(request, *parsed, *server_->model);
  stay_.emplace(fate(), host_.world_);
  fate().server = server_->name;
  running_ = server_->server->submit(
      std::move(work), {[this] { stay_->token(); },
                        [this, keep = send.keep, dialect = send.dialect, said = std::move(*parsed),
                         request_class = request.request_class()](const sim::Usage& usage) {
                          stay_->done();
                          stay_.reset();
                          AnswerAssembler assembler(dialect, keep);
                          const sim::Flavour flavour = server_->model->engine.flavour;
                          assembler.feed(sim::stream_piece(said, 1, content_of(request_class)) +
                                         sim::stream_end(said, 1, usage, flavour));
                          assembler.finish();
                          life_.replied({true, true, false, 200, sim::stream_content_type(said), {}},
                                        assembler, host_.world_.now());
                          told();
                        },
                        [this] { stay_->launched(); }});
}

void ReplayTask::finish(const effect::Done& done) {
  end_held();
  finished_ = true;
  const Time now = host_.world_.now();
  fate().ended = now;
  if (done.answer && !fate().left) {
    fate().first_token = now;
    fate().without_model = !life_.asked() || fate().server.empty();
  }
  host_.desk_.leave(id_);
  host_.ended(place_);
  host_.world_.after(Duration::zero(), [&host = host_, id = id_] { host.tasks_.erase(id); });
}

}  // namespace tasklane::observe
