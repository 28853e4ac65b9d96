// How BodyReader goes through one document with simdjson's on-demand reader. What is of a wrong type counts
// as absent: whether that is an error is for the model server to say. Only a broken structure makes the body
// unreadable.
#pragma once

#include <simdjson.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/dialect/body.h"

namespace tasklane {

// The fields that a later duplicate key may replace, before the dialect puts them together.
struct BodyDraft {
  std::optional<Message> system;
  std::optional<Message> prompt;
  std::optional<double> options_limit;
  std::optional<double> root_limit;
  bool has_tools = false;
  bool has_functions = false;
  bool has_format = false;
  bool has_response_format = false;
  std::vector<std::string_view> more;  // names of fields that ask for more than one answer's text
  bool several_prompts = false;
  bool root_images = false;
  bool message_images = false;
};

class BodyWalk {
 public:
  // `texts` takes those that do not stand in the document as they are.
  BodyWalk(BodyFacts& facts, std::deque<std::string>& texts, const DialectRow& dialect)
      : facts_(facts), texts_(texts), dialect_(dialect) {}

  simdjson::error_code object(simdjson::ondemand::object root);
  void finish();

 private:
  void put_system_first();
  std::string_view unescaped(std::string_view inside);
  std::string_view key(simdjson::ondemand::field& field);
  std::string_view keep(std::string text);
  std::optional<std::string_view> string(simdjson::ondemand::value value);
  [[nodiscard]] std::optional<BodyField> field_of(std::string_view name) const;
  simdjson::error_code root_field(std::string_view name, simdjson::ondemand::value value);
  void more(std::string_view name, bool asked);
  void single_value(BodyField known, simdjson::ondemand::value value);
  simdjson::error_code options(simdjson::ondemand::value value);
  simdjson::error_code stream_options(simdjson::ondemand::value value);
  simdjson::error_code prompt(simdjson::ondemand::value value);
  simdjson::error_code system(simdjson::ondemand::value value);
  simdjson::error_code input(simdjson::ondemand::value value);
  simdjson::error_code messages(simdjson::ondemand::value value);
  simdjson::error_code message(simdjson::ondemand::object fields);
  simdjson::error_code content(simdjson::ondemand::value value, Message& into);
  simdjson::error_code parts(simdjson::ondemand::array items, Message& into);
  simdjson::error_code part(simdjson::ondemand::object fields, std::optional<std::string_view>& text,
                            Message& into);

  BodyFacts& facts_;
  std::deque<std::string>& texts_;
  const DialectRow& dialect_;
  BodyDraft draft_;
};

}  // namespace tasklane
