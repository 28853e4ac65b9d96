#include "shaper/dialect/body_walk.h"

#include <array>
#include <span>
#include <utility>

#include "shaper/dialect/json_value.h"
#include "shaper/dialect/lenient_text.h"

namespace tasklane {
namespace {

namespace od = simdjson::ondemand;

Role role_from(std::string_view text) {
  if (text == "user") return Role::user;
  if (text == "assistant") return Role::assistant;
  if (text == "system" || text == "developer") return Role::system;
  if (text == "tool" || text == "function") return Role::tool;
  return Role::other;
}

// Read in whatever dialect: a field that a server does not know says nothing there.
constexpr std::array<NamedField, 32> common_fields{{
    {"messages", BodyField::messages},
    {"model", BodyField::model},
    {"stream", BodyField::stream},
    {"options", BodyField::options},
    {"stream_options", BodyField::stream_options},
    {"prompt", BodyField::prompt},
    {"input", BodyField::input},
    {"system", BodyField::system},  // a text, or Anthropic's blocks of text
    {"instructions", BodyField::system},
    {"tools", BodyField::tools},
    {"functions", BodyField::functions},
    {"images", BodyField::images},
    {"format", BodyField::format},
    {"response_format", BodyField::response_format},
    {"max_tokens", BodyField::token_limit},
    {"max_completion_tokens", BodyField::token_limit},
    {"max_output_tokens", BodyField::token_limit},
    {"num_predict", BodyField::token_limit},
    {"n_predict", BodyField::token_limit},
    {"n", BodyField::several},
    {"best_of", BodyField::several},
    {"logprobs", BodyField::more},
    {"top_logprobs", BodyField::more},
    {"n_probs", BodyField::more},
    {"prompt_logprobs", BodyField::more},
    {"echo", BodyField::more},
    {"audio", BodyField::more},
    {"return_tokens", BodyField::more},
    {"return_token_ids", BodyField::more},
    {"return_progress", BodyField::more},
    {"shift", BodyField::shift},
    {"keep_alive", BodyField::keep_alive},
}};

}  // namespace

simdjson::error_code BodyWalk::object(od::object root) {
  bool first = true;
  for (auto entry : root) {
    od::field field;
    if (const auto error = std::move(entry).get(field)) return error;
    const auto name = key(field);
    if (first) facts_.model_first = name == "model";
    if (first) facts_.stream_first = name == "stream";
    first = false;
    if (const auto error = root_field(name, field.value())) return error;
  }
  return simdjson::SUCCESS;
}

void BodyWalk::finish() {
  if (dialect_.prompt == PromptPlace::lone) {
    facts_.messages.clear();
    put_system_first();
    if (draft_.prompt) facts_.messages.push_back(*draft_.prompt);
  } else if (dialect_.prompt == PromptPlace::input) {
    if (facts_.messages.empty() && draft_.prompt) facts_.messages.push_back(*draft_.prompt);
    put_system_first();
  } else if (dialect_.prompt == PromptPlace::messages_and_system) {
    put_system_first();
  }
  facts_.has_tools = draft_.has_tools || draft_.has_functions;
  facts_.has_format = draft_.has_format || draft_.has_response_format;
  facts_.has_images = draft_.root_images || draft_.message_images;
  facts_.token_limit = draft_.options_limit ? draft_.options_limit : draft_.root_limit;
  facts_.streamed = facts_.stream.value_or(dialect_.streams_unasked);
  facts_.one_text = draft_.more.empty() && !draft_.several_prompts && !facts_.has_tools;
  if (dialect_.family != DialectFamily::ollama) facts_.load_options = {};
}

void BodyWalk::put_system_first() {
  if (draft_.system && !draft_.system->text.empty())
    facts_.messages.insert(facts_.messages.begin(), *draft_.system);
}

// simdjson's own unescaping is not used: it refuses the lone surrogates that Python writes and servers
// take.
std::string_view BodyWalk::unescaped(std::string_view inside) {
  return inside.find('\\') == std::string_view::npos ? inside : keep(unescape_leniently(inside));
}

std::string_view BodyWalk::key(od::field& field) {
  const char* const start = field.key().raw();
  const std::string_view rest(start, static_cast<std::size_t>(facts_.json.end() - start));
  std::size_t end = 0;
  while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
  return unescaped(rest.substr(0, end));
}

std::string_view BodyWalk::keep(std::string text) { return texts_.emplace_back(std::move(text)); }

// The string, or nothing where the value is no string.
std::optional<std::string_view> BodyWalk::string(od::value value) {
  od::json_type type;
  if (value.type().get(type) || type != od::json_type::string) return std::nullopt;
  const std::string_view token = value.raw_json_token();  // white space may follow the closing quote
  return unescaped(token.substr(1, token.rfind('"') - 1));
}

std::optional<BodyField> BodyWalk::field_of(std::string_view name) const {
  for (const auto& fields : {std::span<const NamedField>(common_fields), dialect_.fields})
    for (const NamedField& each : fields)
      if (each.name == name) return each.field;
  return std::nullopt;
}

simdjson::error_code BodyWalk::root_field(std::string_view name, od::value value) {
  const std::optional<BodyField> known = field_of(name);
  if (!known) return simdjson::SUCCESS;
  switch (*known) {
    case BodyField::messages:
      return messages(value);
    case BodyField::options:
      return options(value);
    case BodyField::stream_options:
      return stream_options(value);
    case BodyField::prompt:
      return prompt(value);
    case BodyField::system:
      return system(value);
    case BodyField::input:
      return input(value);
    case BodyField::several:
      more(name, number_in(value).value_or(0) > 1);
      return simdjson::SUCCESS;
    case BodyField::more:
      more(name, is_set(value));
      return simdjson::SUCCESS;
    default:
      single_value(*known, value);
      return simdjson::SUCCESS;
  }
}

void BodyWalk::more(std::string_view name, bool asked) {
  std::erase(draft_.more, name);
  if (asked) draft_.more.push_back(name);
}

void BodyWalk::single_value(BodyField known, od::value value) {
  switch (known) {
    case BodyField::model:
      facts_.model = string(value).value_or("");
      break;
    case BodyField::stream:
      facts_.stream = flag_in(value);
      break;
    case BodyField::shift:
      facts_.load_options.shift = flag_in(value);
      break;
    case BodyField::keep_alive:
      facts_.load_options.keep_alive = scalar_text(value);
      break;
    case BodyField::tools:
      draft_.has_tools = non_empty_array(value);
      break;
    case BodyField::functions:
      draft_.has_functions = non_empty_array(value);
      break;
    case BodyField::images:
      draft_.root_images = non_empty_array(value);
      break;
    case BodyField::format:
      draft_.has_format = !is_null(value);
      break;
    case BodyField::response_format:
      draft_.has_response_format = !is_null(value);
      break;
    case BodyField::token_limit:
      if (const auto limit = number_in(value)) draft_.root_limit = limit;
      break;
    default:  // it has parts: root_field() reads those
      break;
  }
}

simdjson::error_code BodyWalk::options(od::value value) {
  draft_.options_limit.reset();
  each_load_option(facts_.load_options, [](std::string_view, auto& option) { option.reset(); });
  od::object fields;
  if (value.get_object().get(fields)) return simdjson::SUCCESS;
  for (auto entry : fields) {
    od::field field;
    if (const auto error = std::move(entry).get(field)) return error;
    const std::string_view name = key(field);
    if (name == "num_predict") draft_.options_limit = number_in(field.value());
    each_load_option(facts_.load_options, [&](std::string_view option_name, auto& option) {
      if (option_name == name) load_option(option, field.value());
    });
  }
  return simdjson::SUCCESS;
}

simdjson::error_code BodyWalk::stream_options(od::value value) {
  facts_.include_usage = false;
  od::object fields;
  if (value.get_object().get(fields)) return simdjson::SUCCESS;
  for (auto entry : fields) {
    od::field field;
    if (const auto error = std::move(entry).get(field)) return error;
    if (key(field) == "include_usage") facts_.include_usage = flag_in(field.value()).value_or(false);
  }
  return simdjson::SUCCESS;
}

// A string, or an array of strings (/v1/completions); token numbers are no text.
simdjson::error_code BodyWalk::prompt(od::value value) {
  Message message{Role::user, {}, false, false};
  od::array items;
  draft_.several_prompts = false;
  if (value.get_array().get(items)) {
    message.text = string(value).value_or("");
  } else {
    std::size_t count = 0;
    if (const auto error = items.count_elements().get(count)) return error;
    draft_.several_prompts = count > 1;
    if (const auto error = parts(items, message)) return error;
  }
  draft_.prompt = message;
  return simdjson::SUCCESS;
}

simdjson::error_code BodyWalk::system(od::value value) {
  Message message{Role::system, {}, false, false};
  const auto error = content(value, message);
  draft_.system = message;
  return error;
}

// Of /responses: a text, or items as messages are written. Other items (calls, their results, thoughts)
// have no role; a conversation that holds one is no lone prompt.
simdjson::error_code BodyWalk::input(od::value value) {
  od::json_type type;
  if (const auto error = value.type().get(type)) return error;
  if (type == od::json_type::array) return messages(value);
  if (type != od::json_type::string) return simdjson::SUCCESS;
  draft_.prompt = Message{Role::user, string(value).value_or(""), false, false};
  return simdjson::SUCCESS;
}

simdjson::error_code BodyWalk::messages(od::value value) {
  facts_.messages.clear();
  draft_.message_images = false;
  od::array items;
  if (value.get_array().get(items)) return simdjson::SUCCESS;
  for (auto item : items) {
    if (const auto error = item.error()) return error;
    od::value element = item.value_unsafe();
    od::object fields;
    if (element.get_object().get(fields)) {
      facts_.messages.push_back(Message{});
      continue;
    }
    if (const auto error = message(fields)) return error;
  }
  return simdjson::SUCCESS;
}

simdjson::error_code BodyWalk::message(od::object fields) {
  Message result;
  for (auto entry : fields) {
    od::field field;
    if (const auto error = std::move(entry).get(field)) return error;
    const std::string_view name = key(field);
    if (name == "role") {
      result.role = role_from(string(field.value()).value_or(""));
    } else if (name == "content") {
      if (const auto error = content(field.value(), result)) return error;
    } else if (name == "tool_calls" || name == "function_call") {
      result.has_tool_calls = !is_null(field.value());
    } else if (name == "images") {
      const bool some = non_empty_array(field.value());
      result.has_other_parts = result.has_other_parts || some;
      draft_.message_images = draft_.message_images || some;
    }
  }
  facts_.messages.push_back(result);
  return simdjson::SUCCESS;
}

simdjson::error_code BodyWalk::content(od::value value, Message& into) {
  into.text = {};
  od::array items;
  if (value.get_array().get(items)) {
    into.text = string(value).value_or("");
    return simdjson::SUCCESS;
  }
  return parts(items, into);
}

simdjson::error_code BodyWalk::parts(od::array items, Message& into) {
  std::string joined;
  int count = 0;
  for (auto item : items) {
    if (const auto error = item.error()) return error;
    od::value element = item.value_unsafe();
    std::optional<std::string_view> text;
    od::object fields;
    if (element.get_object().get(fields)) {
      text = string(element);
    } else if (const auto error = part(fields, text, into)) {
      return error;
    }
    if (!text) continue;
    ++count;
    if (count == 1) {
      into.text = *text;
      continue;
    }
    if (count == 2) joined = into.text;
    joined += '\n';
    joined += *text;
  }
  if (count > 1) into.text = keep(std::move(joined));
  return simdjson::SUCCESS;
}

simdjson::error_code BodyWalk::part(od::object fields, std::optional<std::string_view>& text, Message& into) {
  std::string_view type = "text";
  std::optional<std::string_view> found;
  for (auto entry : fields) {
    od::field field;
    if (const auto error = std::move(entry).get(field)) return error;
    const std::string_view name = key(field);
    if (name == "type") type = string(field.value()).value_or("");
    if (name == "text") found = string(field.value());
  }
  if (type == "text" || type == "input_text" || type == "output_text") {
    text = found;
    return simdjson::SUCCESS;
  }
  into.has_other_parts = true;
  if (type.find("image") != std::string_view::npos) draft_.message_images = true;
  return simdjson::SUCCESS;
}

}  // namespace tasklane
