#include "tools/tasklane/request_lines.h"

#include <simdjson.h>

namespace tasklane {
namespace {

namespace od = simdjson::ondemand;

constexpr std::string_view line_form = R"({"path": "/api/chat", "headers": {}, "body": {}})";

std::string string_of(od::value value) {
  std::string_view text;
  return value.get_string().get(text) ? std::string() : std::string(text);
}

simdjson::error_code header_pair(od::array pair, HeaderField& field) {
  int index = 0;
  for (auto part : pair) {
    od::value value;
    if (const auto error = std::move(part).get(value)) return error;  // NOLINT: get() takes it so alone
    (index++ == 0 ? field.name : field.value) = string_of(value);
  }
  return index == 2 ? simdjson::SUCCESS : simdjson::INCORRECT_TYPE;
}

simdjson::error_code headers_of(od::value value, std::vector<HeaderField>& fields) {
  od::json_type type;
  if (const auto error = value.type().get(type)) return error;
  if (type == od::json_type::object) {
    for (auto entry : value.get_object()) {
      od::field field;
      if (const auto error = std::move(entry).get(field)) return error;
      std::string_view name;
      if (const auto error = field.unescaped_key().get(name)) return error;
      std::string key(name);
      fields.push_back({std::move(key), string_of(field.value())});
    }
    return simdjson::SUCCESS;
  }
  for (auto item : value.get_array()) {
    od::array pair;
    if (const auto error = std::move(item).get_array().get(pair)) return error;  // NOLINT: likewise
    HeaderField field;
    if (const auto error = header_pair(pair, field)) return error;
    fields.push_back(std::move(field));
  }
  return simdjson::SUCCESS;
}

// An object as it stands in the line, so that its bytes and their order stay; a string is the body itself.
simdjson::error_code body_of(od::value value, std::string& body) {
  od::json_type type;
  if (const auto error = value.type().get(type)) return error;
  std::string_view text;
  if (type == od::json_type::object) {
    od::object object;
    if (const auto error = value.get_object().get(object)) return error;
    if (const auto error = object.raw_json().get(text)) return error;
  } else if (type == od::json_type::string) {
    if (const auto error = value.get_string().get(text)) return error;
  } else if (type != od::json_type::null) {
    return simdjson::INCORRECT_TYPE;
  }
  body = text;
  return simdjson::SUCCESS;
}

simdjson::error_code field_into(std::string_view name, od::value value, RecordedRequest& request) {
  if (name == "headers") return headers_of(value, request.head.fields);
  if (name == "body") return body_of(value, request.body);
  if (name == "path") request.head.target = string_of(value);
  if (name == "method") request.head.method = string_of(value);
  if (name == "client") request.client = string_of(value);
  if (name == "release" || name == "version") request.group = string_of(value);
  if (name == "template") request.kind = string_of(value);
  if (name == "id") request.id = string_of(value);
  if (name == "label") request.label = string_of(value);
  if (name == "ambiguous") return value.get_bool().get(request.ambiguous);
  if (name == "t") {
    double seconds = 0;
    if (const auto error = value.get_double().get(seconds)) return error;
    request.at = from_seconds(seconds);
  }
  if (name == "dur") {
    od::json_type type;
    double seconds = 0;
    if (const auto error = value.type().get(type)) return error;
    if (type == od::json_type::null) return simdjson::SUCCESS;
    if (const auto error = value.get_double().get(seconds)) return error;
    request.lasts = from_seconds(seconds);
  }
  return simdjson::SUCCESS;
}

}  // namespace

Result<RecordedRequest> parse_request_line(std::string_view line, const std::string& where) {
  const simdjson::padded_string padded(line);
  od::parser parser;
  od::document document;
  od::object root;
  RecordedRequest request;
  request.head.method = "POST";
  auto error = parser.iterate(padded).get(document);
  if (!error) error = document.get_object().get(root);
  const auto refused = [&](const std::string& what) {
    return Error{what, where, "a line is an object such as " + std::string(line_form), ExitCode::usage};
  };
  if (error) return refused(std::string("not a JSON object: ") + simdjson::error_message(error));
  for (auto entry : root) {
    od::field field;
    std::string_view key;
    error = std::move(entry).get(field);
    if (!error) error = field.unescaped_key().get(key);
    const std::string name(error ? std::string_view() : key);
    if (!error) error = field_into(name, field.value(), request);
    if (error) return refused("/" + name + ": " + simdjson::error_message(error));
  }
  if (request.head.target.empty()) return refused("\"path\" is missing");
  return request;
}

Result<RecordedRequest> parse_raw_request(std::string_view raw, const std::string& where) {
  RecordedRequest request;
  const auto next_line = [&raw]() {
    const std::size_t end = raw.find('\n');
    std::string_view line = raw.substr(0, end);
    raw.remove_prefix(end == std::string_view::npos ? raw.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  };
  const std::string_view first = next_line();
  const std::size_t space = first.find(' ');
  const std::size_t second = first.find(' ', space == std::string_view::npos ? space : space + 1);
  if (space == std::string_view::npos || second == std::string_view::npos ||
      !first.substr(second + 1).starts_with("HTTP/"))
    return Error{"not an HTTP request: the first line is no \"METHOD TARGET HTTP/1.1\"", where + ":1",
                 "for JSON lines say --jsonl", ExitCode::usage};
  request.head.method = first.substr(0, space);
  request.head.target = first.substr(space + 1, second - space - 1);
  for (int number = 2; !raw.empty(); ++number) {
    const std::string_view line = next_line();
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0)
      return Error{"not a header field", where + ":" + std::to_string(number), "\"Name: value\" is expected",
                   ExitCode::usage};
    std::string_view value = line.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    value.remove_suffix(value.size() - (value.find_last_not_of(" \t") + 1));
    request.head.fields.push_back({std::string(line.substr(0, colon)), std::string(value)});
  }
  request.body = raw;
  return request;
}

}  // namespace tasklane
