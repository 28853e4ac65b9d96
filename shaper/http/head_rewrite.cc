#include "shaper/http/head_rewrite.h"

#include <algorithm>

#include "shaper/http/message_head.h"
#include "shaper/http/request_head.h"

namespace tasklane {
namespace {

constexpr std::string_view line_break = "\r\n";

bool is_among(std::string_view name, const auto& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view other) { return equal_names(name, other); });
}

// chunked is HTTP/1.1's, so whoever writes it speaks HTTP/1.1.
std::string first_line(std::string_view line, const HeadChanges& changes) {
  constexpr std::string_view old = "HTTP/1.0 ";
  if (!changes.chunked || !line.starts_with(old)) return std::string(line);
  return "HTTP/1.1 " + std::string(line.substr(old.size()));
}

bool left_out(std::string_view name, const HeadChanges& changes) {
  const bool framing = equal_names(name, "Content-Length") || equal_names(name, "Transfer-Encoding");
  if (framing && (changes.content_length || changes.chunked || changes.close)) return true;
  if ((changes.close || changes.last) && (equal_names(name, "Connection") || equal_names(name, "Keep-Alive")))
    return true;
  if (changes.other_body && tells_of_the_body(name)) return true;
  return is_among(name, changes.without);
}

}  // namespace

std::string rewrite_head(std::string_view head, const HeadChanges& changes) {
  std::string out;
  out.reserve(head.size() + 64);
  bool first = true;
  bool host_written = false;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find(line_break) + line_break.size());
    head.remove_prefix(line.size());
    if (line == line_break) break;
    const std::string_view name = line.substr(0, line.find(':'));
    if (first) {
      out += first_line(line, changes);
      first = false;
    } else if (changes.host && equal_names(name, "Host")) {
      if (!host_written) out.append("Host: ").append(*changes.host).append(line_break);
      host_written = true;
    } else if (!left_out(name, changes)) {
      out += line;
    }
  }
  if (changes.host && !host_written) out.append("Host: ").append(*changes.host).append(line_break);
  if (changes.content_length) out += "Content-Length: " + std::to_string(*changes.content_length) + "\r\n";
  if (changes.chunked) out += "Transfer-Encoding: chunked\r\n";
  for (const std::string& line : changes.added) out.append(line).append(line_break);
  if (changes.close || changes.last) out += "Connection: close\r\n";
  return out.append(line_break);
}

}  // namespace tasklane
