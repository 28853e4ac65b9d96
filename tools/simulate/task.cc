#include "tools/simulate/task.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "tools/modelsim/dialect_answer.h"

namespace tasklane::simulate {

std::optional<std::string> Task::dial(const Hop& hop) {
  key_ = hop.server;
  server_ = lanes_.server(hop.server);
  if (server_ == nullptr) return "there is none";
  return std::nullopt;
}

void Task::send(effect::Send send) {
  auto parsed = sim::parse_generation(send.dialect, send.body, server_->flavour());
  if (!parsed) return driver_.replied({}, AnswerAssembler(send.dialect));
  sim::Work work = work_of(*parsed);
  on_sent();
  send.body.clear();
  running_ = server_->submit(
      std::move(work), {[this] { on_token(); },
                        [this, send = std::move(send), said = std::move(*parsed)](const sim::Usage& usage) {
                          on_ended(true);
                          answered(send, said, usage);
                        },
                        [this] { on_launched(); }});
}

void Task::answered(const effect::Send& send, const sim::GenerationRequest& said, const sim::Usage& usage) {
  AnswerAssembler assembler(send.dialect, send.keep);
  assembler.feed(sim::stream_piece(said, 1, content()) + sim::stream_end(said, 1, usage, server_->flavour()));
  assembler.finish();
  driver_.replied({true, true, false, 200, sim::stream_content_type(said), {}}, assembler);
}

void Task::stop() {
  server_->close(running_);
  on_ended(false);
}

std::string content_of(RequestClass request_class, const std::string& text) {
  const AnswerContract& contract = class_row(request_class).contract;
  if (contract.key.empty()) return text;
  const bool plain = contract.value == AnswerContract::Value::text;
  const nlohmann::json value = plain ? nlohmann::json(text) : nlohmann::json::array({text});
  return nlohmann::json{{std::string(contract.key), value}}.dump();
}

}  // namespace tasklane::simulate
