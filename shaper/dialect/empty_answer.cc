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
std::string worded(const EmptyAnswerInput& input, const std::string& text, bool as_list = false) {
  if (text.empty() || !asks_for_json(input.request_class, input.body)) return text;
  return object(contract_key(input.request_class), as_list ? OrderedJson::array({text}) : OrderedJson(text));
}

std::string quoted(const EmptyAnswerInput& input, WhichMessage which) {
  return std::string(quoted_user_text(input.body, which).value_or(""));
}

std::string content_of(const EmptyAnswerInput& input) {
  const std::string_view key = contract_key(input.request_class);
  switch (input.request_class) {
    case RequestClass::title:
      return worded(input, title_from(quoted(input, WhichMessage::first)));
    case RequestClass::query:
      return worded(input, quoted(input, WhichMessage::last), true);
    case RequestClass::image_prompt:
      return worded(input, quoted(input, WhichMessage::last));
    case RequestClass::autocomplete:
      return object(key, std::string(input.text.value_or("")));
    case RequestClass::tool_selection:
      if (!asks_for_json(input.request_class, input.body)) return "";
      return object(key, OrderedJson::array());
    case RequestClass::tags:
    case RequestClass::follow_up:
    case RequestClass::memory_review:
      return object(key, OrderedJson::array());
    default:
      return "";
  }
}

}  // namespace

bool has_empty_answer(RequestClass request_class) {
  return request_class == RequestClass::emoji || !contract_key(request_class).empty();
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
  AnswerForm form{dialect, body.streamed, false, std::string(body.model)};
  if (!is_openai(dialect) || !body.streamed) return form;
  if (const auto json = parse_object(body.json))
    if (const OrderedJson* options = member(*json, "stream_options");
        options != nullptr && options->is_object())
      form.include_usage = options->value("include_usage", OrderedJson()) == true;
  return form;
}

}  // namespace tasklane
