// Requests as files hold them: one raw HTTP request, or JSON lines of {"path", "headers", "body"} with, where
// given, "method", "t" and "dur" (seconds), "client", "label" and "ambiguous".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/base/time.h"
#include "shaper/http/request_head.h"

namespace tasklane {

struct RecordedRequest {
  RequestHead head;
  std::string body;
  std::string client;
  std::optional<Duration> at;        // since the first request
  std::optional<Duration> lasts;     // to its answer's end; none: a chat has ended when the next line comes
  std::optional<std::string> label;  // what a person says it is
  bool ambiguous = false;            // nothing in the request tells which it is
  std::string group;                 // "release" or "version", for scores
  std::string kind;                  // "template": default, custom ...
  std::string id;
};

// `where` goes into the error: "file:3".
Result<RecordedRequest> parse_request_line(std::string_view line, const std::string& where);

// Head and body as on the wire; a body without Content-Length is what follows the head.
Result<RecordedRequest> parse_raw_request(std::string_view raw, const std::string& where);

}  // namespace tasklane
