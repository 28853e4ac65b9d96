#include "tools/tasklane/explain_graft.h"

#include <nlohmann/json.hpp>

#include "shaper/dialect/json_body.h"
#include "shaper/dialect/quoted.h"
#include "shaper/task/graft.h"

namespace tasklane {
namespace {

constexpr const char* any_answer = "(its answer)";

// What is quoted last of a model's answers.
std::string quoted_answer(std::string_view prompt) {
  constexpr std::string_view label = "ASSISTANT: ";
  const std::size_t at = prompt.rfind(label);
  if (at == std::string_view::npos) return any_answer;
  std::string_view said = prompt.substr(at + label.size());
  said = said.substr(0, std::min(said.find("\nUSER: "), said.find("\n</")));
  return said.empty() ? any_answer : std::string(said);
}

}  // namespace

std::string GraftTeller::tell_task(const SeenRequest& seen, bool wanted) const {
  if (!can_be_grafted(seen.classification.request_class)) return {};
  if (!wanted) return "no: its upstream does not say \"graft\": true";
  if (seen.classification.certainty < Certainty::contract) return "no: it is not certain enough what it is";
  if (!last_) return "no: no chat was answered before it in this stream";
  Result<OrderedJson> task = parse_object(seen.body->json);
  if (!task) return "no: " + task.error().what;
  KeptChat chat = *last_;
  chat.answer = KeptAnswer(quoted_answer(prompt_text(*seen.body)));
  const std::string model(seen.body->model);
  const Result<Graft> made = graft({chat, *task, seen.endpoint.dialect, seen.classification.request_class,
                                    model, seen.classification.tenant, chat.ended,
                                    seen.classification.named_chat, seen_.has_twins(chat, chat.ended)});
  if (!made) return "no: " + made.error().what;
  return "as the next message of the chat in request " + last_id_ +
         ", on a server of one slot, while that pays";
}

std::string GraftTeller::tell(const SeenRequest& seen, const Treatment& treatment, bool wanted) {
  ++count_;
  if (seen.body == nullptr || !seen.body->readable) return {};
  if (treatment.waits() && treatment.put_together) return tell_task(seen, wanted);
  if (seen.classification.request_class != RequestClass::chat) return {};
  last_.emplace();
  last_->body = seen.body->json;
  last_->dialect = seen.endpoint.dialect;
  last_->model = seen.body->model;
  last_->tenant = seen.classification.tenant;
  last_->first_words = seen.classification.first_words();
  last_->named_chat = seen.classification.named_chat;
  seen_.came(last_->first_words, seen.classification.newcomer.known(), last_->ended);
  last_id_ = seen.request.id.empty() ? std::to_string(count_) : seen.request.id;
  return {};
}

}  // namespace tasklane
