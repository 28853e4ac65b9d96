#include "shaper/dialect/error_answer.h"

#include <nlohmann/json.hpp>

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

std::string plain_error(int, std::string_view message) {
  return nlohmann::json{{"error", message}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view openai_type(int status) {
  if (status == 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

}  // namespace

std::string openai_error(int status, std::string_view message) {
  const nlohmann::json error{
      {"error", {{"message", message}, {"type", openai_type(status)}, {"code", status}}}};
  return error.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string error_message(std::string_view body) {
  const auto json = parse_object(body);
  if (!json) return {};
  const OrderedJson* error = member(*json, "error");
  if (error != nullptr && error->is_string()) return error->get<std::string>();
  const OrderedJson* message = member(error != nullptr && error->is_object() ? *error : *json, "message");
  return message != nullptr && message->is_string() ? message->get<std::string>() : std::string();
}

LocalAnswer error_answer(Dialect dialect, std::string_view path, int status, std::string_view message) {
  if (dialect == Dialect::none && path.starts_with("/v1")) dialect = Dialect::openai_chat;
  const auto written = dialect_row(dialect).error;
  return {status, "application/json", (written != nullptr ? written : plain_error)(status, message)};
}

std::string to_wire(const LocalAnswer& answer, bool keep_alive, bool head_only) {
  std::string wire = "HTTP/1.1 " + std::to_string(answer.status) + " ";
  wire.append(answer.reason.empty() ? reason_of(answer.status) : std::string_view(answer.reason));
  if (!answer.content_type.empty()) wire.append("\r\nContent-Type: ").append(answer.content_type);
  for (const HeaderField& field : answer.fields)
    wire.append("\r\n").append(field.name).append(": ").append(field.value);
  wire += "\r\nContent-Length: " + std::to_string(answer.body.size());
  wire += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
  if (!head_only) wire += answer.body;
  return wire;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

}  // namespace tasklane
