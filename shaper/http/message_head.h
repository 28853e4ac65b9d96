// The grammar of a message's head (RFC 9112 sections 2 to 6), and what it says about where the message ends.
// A request's head is read to the letter; of an answer is forgiven what every client forgives.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/http/request_head.h"

namespace tasklane {

struct RequestLine {
  std::string_view method;
  std::string_view target;
  int version = 11;  // 10 or 11
};
struct StatusLine {
  int status = 0;
  int version = 11;
  std::string_view reason;
};

// `line` comes without its end. Nothing: it is none of HTTP/1.0 or HTTP/1.1.
std::optional<RequestLine> parse_request_line(std::string_view line);
std::optional<StatusLine> parse_status_line(std::string_view line);

// `lines` are field lines, each with its CR LF, without the empty line behind them. The problem where one is
// no field, else empty.
std::string parse_fields(std::string_view lines, std::vector<HeaderField>& fields);

// What a head says of its message's end and of the connection behind it.
struct Framing {
  bool chunked = false;
  std::optional<std::uint64_t> length;
  bool close = false;       // a Connection field says so
  bool keep_alive = false;  // a Connection field says so
  std::string problem;      // not empty: it can be read in two ways
};
Framing framing_of(const std::vector<HeaderField>& fields, int version);

// Those that are meant for whoever asked, not for the connection or for the body's framing and type (RFC 9110
// section 7.6.1).
std::vector<HeaderField> end_to_end_fields(const std::vector<HeaderField>& fields);

// Whether the field speaks of the very bytes of a body (RFC 9110 section 8.8.3, RFC 9530, RFC 9421), or of
// trailers, which a body that is written anew does not have.
bool tells_of_the_body(std::string_view name);

// Of an answer whose body is written anew here: the end-to-end ones, without what was said of the old bytes.
std::vector<HeaderField> fields_of_new_body(const std::vector<HeaderField>& fields);

// An answer's head as it is written today where it was written otherwise but so that every client takes it: a
// line that ends in LF alone, no reason phrase, a value folded over two lines, white space in front of a
// colon, the same length twice. Nothing: there is nothing to change. `head` runs from the first line to the
// empty one.
std::optional<std::string> tidied_answer_head(std::string_view head);

}  // namespace tasklane
