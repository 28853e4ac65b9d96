// A message head with some fields changed; every other byte of it stays as it was sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tasklane {

struct HeadChanges {
  std::optional<std::string> host;              // a request's new authority (RFC 9110 section 7.2)
  std::optional<std::uint64_t> content_length;  // replaces every framing field by this length
  bool chunked = false;                   // replaces every framing field by "Transfer-Encoding: chunked"
  bool close = false;                     // the connection ends with this message, and so does its body
  bool last = false;                      // the connection ends behind this message, framed as it is
  std::vector<std::string> added;         // lines of further fields, without their ends
  bool other_body = false;                // the body is another than its validators and digests tell of
  std::vector<std::string_view> without;  // names of fields to leave out
};

// `head` is a complete head, from the first line to the empty line.
std::string rewrite_head(std::string_view head, const HeadChanges& changes);

}  // namespace tasklane
