#include "shaper/dialect/empty_answer.h"

#include "shaper/dialect/contract.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/quoted.h"
#include "shaper/dialect/title_from.h"

namespace tasklane {
namespace {

std::string object(std::string_view key, OrderedJson value) {
  OrderedJson json = OrderedJson::object();
  json[std::string(key)] = std::move(value);
  return to_wire_json(json);
}

// `text` as the prompt wants it: in its JSON object, or plain; "" for no text.
std::string worded(const EmptyAnswerInput& input, const std::string& text) {
  if (text.empty() || !asks_for_json(input.request_class, input.body)) return text;
  const AnswerContract& contract = class_row(input.request_class).contract;
  const bool as_list = contract.value == AnswerContract::Value::list;
  return object(contract.key, as_list ? OrderedJson::array({text}) : OrderedJson(text));
}

std::string quoted(const EmptyAnswerInput& input, WhichMessage which) {
  return std::string(quoted_user_text(input.body, which).value_or(""));
}

std::string content_of(const EmptyAnswerInput& input) {
  const ClassRow& row = class_row(input.request_class);
  switch (row.empty) {
    case EmptyAnswer::title:
      return worded(input, title_from(quoted(input, WhichMessage::first)));
    case EmptyAnswer::last_message:
      return worded(input, quoted(input, WhichMessage::last));
    case EmptyAnswer::given_text:
      return object(row.contract.key, std::string(input.text.value_or("")));
    case EmptyAnswer::if_asked_none:
      if (!asks_for_json(input.request_class, input.body)) return "";
      return object(row.contract.key, OrderedJson::array());
    case EmptyAnswer::no_entries:
      return object(row.contract.key, OrderedJson::array());
    case EmptyAnswer::no_words:
    case EmptyAnswer::none:
      break;
  }
  return "";
}

}  // namespace

bool has_empty_answer(RequestClass request_class) {
  return class_row(request_class).empty != EmptyAnswer::none;
}

Result<LocalAnswer> empty_answer(const EmptyAnswerInput& input) {
  if (!has_empty_answer(input.request_class))
    return Error{"class " + std::string(to_text(input.request_class)) + " has no empty answer", "",
                 "let the request go to a model"};
  Answer answer;
  answer.content = content_of(input);
  answer.finish_reason = "stop";
  answer.created = input.now;
  answer.figures.prompt_tokens = 0;
  answer.figures.generated_tokens = 0;
  return render(answer, input.form);
}

AnswerForm form_of(const BodyFacts& body, Dialect dialect) {
  const bool usage = !dialect_row(dialect).usage_unless_asked && body.streamed && body.include_usage;
  return {dialect, body.streamed, usage, std::string(body.model)};
}

}  // namespace tasklane
