// Answers that Tasklane gives itself when a request fails here: the error object of the client's dialect.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shaper/dialect/endpoint.h"
#include "shaper/http/request_head.h"

namespace tasklane {

struct LocalAnswer {
  int status = 500;
  std::string content_type;
  std::string body;
  std::string reason{};               // empty: that of RFC 9110
  std::vector<HeaderField> fields{};  // further ones, as a server sent them
};

// Ollama: {"error":"..."}; OpenAI: {"error":{"message","type","code"}}; other paths: OpenAI's below /v1, else
// Ollama's.
LocalAnswer error_answer(Dialect dialect, std::string_view path, int status, std::string_view message);

// The message in a server's error, whatever its dialect ({"error":"..."}, {"error":{"message":"..."}},
// {"message":"..."}); empty: `body` holds none. For a client of another dialect.
std::string error_message(std::string_view body);

// The body of one as all of OpenAI's APIs write it.
std::string openai_error(int status, std::string_view message);

// The whole response, head and body, as bytes. `keep_alive` false adds "Connection: close".
std::string to_wire(const LocalAnswer& answer, bool keep_alive, bool head_only = false);

// Reason phrase of RFC 9110, "" where unknown.
std::string_view reason_of(int status);

}  // namespace tasklane
