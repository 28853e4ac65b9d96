#include "shaper/dialect/translate.h"

#include <string>

#include "shaper/dialect/json_body.h"
#include "shaper/dialect/question.h"

namespace tasklane {
namespace {

Error no_way(Dialect dialect) {
  return {"the dialect " + std::string(to_text(dialect)) + " is not translated", "",
          "name an upstream that speaks it"};
}

Result<OrderedJson> said_anew(const OrderedJson& body, Dialect from, Dialect to, bool for_strangers) {
  const auto hear = dialect_row(from).hear;
  const auto ask = dialect_row(to).ask;
  if (hear == nullptr || ask == nullptr) return no_way(hear == nullptr ? from : to);
  Result<Question> question = hear(body);
  if (!question) return question.error();
  if (for_strangers) {
    question->think.reset();
    for (Turn& turn : question->turns) turn.thinking.clear();
  }
  Result<OrderedJson> asked = ask(*question);
  // The client's stream may end with the figures that this one tells only where it is asked for them.
  if (asked && question->stream) ask_for_stream(*asked, to);
  return asked;
}

}  // namespace

std::optional<Dialect> asked_in(Dialect client, DialectFamily family) {
  if (family != DialectFamily::ollama && family != DialectFamily::openai) return std::nullopt;
  const DialectRow& row = dialect_row(client);
  if (row.family == family) return client;
  if (row.hear == nullptr) return std::nullopt;
  for (const DialectRow* each : dialect_table)
    if (each->family == family && each->ask != nullptr) return each->dialect;
  return std::nullopt;
}

Result<OrderedJson> translate(const OrderedJson& body, Dialect from, Dialect to) {
  if (from == to) return Result<OrderedJson>(boost::system::in_place_value, body);
  return said_anew(body, from, to, false);
}

Result<OrderedJson> translate_for_strangers(const OrderedJson& body, Dialect from, Dialect to) {
  return said_anew(body, from, to, true);
}

}  // namespace tasklane
