// Gives an answer's `model` field back as the client asked for it, in all three framings: one JSON object,
// NDJSON lines, SSE `data:` lines. Every other byte stays.
#pragma once

#include <string>
#include <string_view>

namespace tasklane {

enum class AnswerFormat { json, ndjson, sse, opaque };
// By the Content-Type field; anything unknown is opaque and passes untouched.
AnswerFormat answer_format_of(std::string_view content_type);

// A stream transformer: bytes in, bytes out, whole lines at a time. Holds at most one line (bounded: past 1
// MiB a line passes as it is); with AnswerFormat::json it holds the object (past 16 MiB it passes as it is).
class ResponseModel {
 public:
  ResponseModel(AnswerFormat format, std::string client_model);
  // What can be passed on now.
  std::string feed(std::string_view bytes);
  // The rest, at the end of the answer.
  std::string finish();

 private:
  [[nodiscard]] std::string line(std::string_view text) const;

  AnswerFormat format_;
  std::string model_json_;
  std::string held_;
  bool passing_ = false;
};

}  // namespace tasklane
