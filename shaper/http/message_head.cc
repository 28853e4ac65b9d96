#include "shaper/http/message_head.h"

#include <algorithm>
#include <array>

#include "shaper/http/characters.h"

namespace tasklane {
namespace {

constexpr std::uint64_t longest_length = std::uint64_t{1} << 62;

// "HTTP/1.0" or "HTTP/1.1"; 0: none.
int version_of(std::string_view text) {
  if (text == "HTTP/1.1") return 11;
  return text == "HTTP/1.0" ? 10 : 0;
}

bool is_target_char(char c) { return is_value_char(c) && !is_space(c); }

// A test that is a lambda is compiled into the loop, a function's name is called for each character.
bool all_are(std::string_view text, const auto& test) { return std::all_of(text.begin(), text.end(), test); }

// The next line with its end, which is LF where CR is missing too.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n') + 1);
  text.remove_prefix(line.size());
  return line;
}

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c) || value > longest_length / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

void read_length(std::string_view value, Framing& framing) {
  if (framing.length)
    framing.problem = "more than one Content-Length";
  else if (framing.length = parse_length(value); !framing.length)
    framing.problem = "a Content-Length that is no number";
}

// The one word "chunked", once: of a list, of parameters or of anything else some reader takes the end for
// "chunked" and another does not, and then they disagree about where the body ends (RFC 9112 section 6.1).
void read_coding(std::string_view value, Framing& framing) {
  if (framing.chunked)
    framing.problem = "more than one Transfer-Encoding";
  else if (!equal_names(value, "chunked"))
    framing.problem = "a Transfer-Encoding other than chunked";
  framing.chunked = true;
}

// Calls `take` with each element of a list, without the white space around it.
void each_element(std::string_view list, const auto& take) {
  while (!list.empty()) {
    const std::string_view element = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), element.size() + 1));
    take(trimmed_value(element));
  }
}

// Elements of the list with their parameters cut off: "Keep-Alive; timeout=5" is seen, and means the word.
void read_connection(std::string_view list, Framing& framing) {
  each_element(list, [&](std::string_view element) {
    const std::string_view word = trimmed_value(element.substr(0, element.find(';')));
    framing.close = framing.close || equal_names(word, "close");
    framing.keep_alive = framing.keep_alive || equal_names(word, "keep-alive");
  });
}

// The length where every element of the list is the same, as RFC 9110 section 8.6 allows.
std::string_view single_length(std::string_view list) {
  const std::string_view first = trimmed_value(list.substr(0, list.find(',')));
  bool same = parse_length(first) && !trimmed_value(list).ends_with(',');
  each_element(list, [&](std::string_view element) { same = same && element == first; });
  return same ? first : std::string_view();
}

// Writes a head anew, a line at a time.
class TidyHead {
 public:
  std::string written(std::string_view head) {
    first_line(without_end(take_line(head)));
    while (!head.empty()) {
      const std::string_view line = without_end(take_line(head));
      if (line.empty()) break;
      if (is_space(line.front()))
        fold(line);
      else
        field(line);
    }
    flush();
    return out_ + "\r\n";
  }

 private:
  void first_line(std::string_view line) {
    out_.append(line);
    constexpr std::size_t without_reason = std::string_view("HTTP/1.1 200").size();
    if (line.size() == without_reason) out_ += ' ';
    out_ += "\r\n";
  }
  void field(std::string_view line) {
    flush();
    const std::size_t colon = line.find(':');
    std::string_view name = line.substr(0, colon);
    while (colon != std::string_view::npos && !name.empty() && is_space(name.back())) name.remove_suffix(1);
    line_ = std::string(name);
    if (colon != std::string_view::npos) line_ += line.substr(colon);
  }
  void fold(std::string_view line) { line_.append(" ").append(trimmed_value(line)); }
  void flush() {
    if (line_.empty()) return;
    const std::size_t colon = line_.find(':');
    const bool is_length = equal_names(std::string_view(line_).substr(0, colon), "Content-Length");
    if (!is_length || !said_already(std::string_view(line_).substr(colon + 1))) out_ += line_ + "\r\n";
    line_.clear();
  }
  // Writes a first length without its repetitions; later ones that say the same are left out.
  bool said_already(std::string_view value) {
    const std::string_view length = single_length(value);
    if (length.empty()) return false;
    if (length_ == length) return true;
    if (length_.empty()) {
      length_ = std::string(length);
      if (value.find(',') != std::string_view::npos) line_ = "Content-Length: " + length_;
    }
    return false;
  }

  std::string out_;
  std::string line_;
  std::string length_;
};

}  // namespace

std::optional<RequestLine> parse_request_line(std::string_view line) {
  const std::size_t target = line.find(' ') + 1;
  const std::size_t end = line.rfind(' ');
  if (target == 0 || end <= target) return std::nullopt;
  const RequestLine parsed{line.substr(0, target - 1), line.substr(target, end - target),
                           version_of(line.substr(end + 1))};
  const bool method =
      !parsed.method.empty() && std::all_of(parsed.method.begin(), parsed.method.end(), is_token_char);
  if (!method || parsed.version == 0 ||
      !std::all_of(parsed.target.begin(), parsed.target.end(), is_target_char))
    return std::nullopt;
  return parsed;
}

std::optional<StatusLine> parse_status_line(std::string_view line) {
  constexpr std::size_t status_at = std::string_view("HTTP/1.1 ").size();
  constexpr std::size_t reason_at = status_at + 4;
  if (line.size() < reason_at || line[status_at - 1] != ' ' || line[reason_at - 1] != ' ')
    return std::nullopt;
  StatusLine parsed{0, version_of(line.substr(0, status_at - 1)), line.substr(reason_at)};
  for (const char c : line.substr(status_at, 3)) {
    if (!is_digit(c)) return std::nullopt;
    parsed.status = parsed.status * 10 + (c - '0');
  }
  const bool reason = std::all_of(parsed.reason.begin(), parsed.reason.end(), is_value_char);
  if (parsed.version == 0 || parsed.status < 100 || !reason) return std::nullopt;
  return parsed;
}

std::string parse_fields(std::string_view lines, std::vector<HeaderField>& fields) {
  constexpr std::size_t usual_fields = 16;
  fields.reserve(usual_fields);
  while (!lines.empty()) {
    std::string_view line = take_line(lines);
    if (!line.ends_with("\r\n")) return "a line that does not end in CR LF";
    line.remove_suffix(2);
    if (line.empty()) return "an empty line within the header";
    if (is_space(line.front())) return "a header field is folded over two lines";
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return "a header line without a colon";
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed_value(line.substr(colon + 1));
    if (name.empty() || !all_are(name, [](char c) { return is_token_char(c); }))
      return "a header field's name that is none";
    if (!all_are(value, [](char c) { return is_value_char(c); }))
      return "a control character in a header field";
    fields.push_back({std::string(name), std::string(value)});
  }
  return {};
}

Framing framing_of(const std::vector<HeaderField>& fields, int version) {
  Framing framing;
  for (const HeaderField& field : fields) {
    if (equal_names(field.name, "Content-Length")) read_length(field.value, framing);
    if (equal_names(field.name, "Transfer-Encoding")) read_coding(field.value, framing);
    if (equal_names(field.name, "Connection")) read_connection(field.value, framing);
    if (!framing.problem.empty()) return framing;
  }
  if (framing.chunked && framing.length)
    framing.problem = "both Content-Length and Transfer-Encoding";
  else if (framing.chunked && version < 11)
    framing.problem = "Transfer-Encoding in HTTP/1.0";
  return framing;
}

std::vector<HeaderField> end_to_end_fields(const std::vector<HeaderField>& fields) {
  std::vector<std::string_view> left_out{"Connection", "Keep-Alive",        "Proxy-Connection",
                                         "TE",         "Transfer-Encoding", "Upgrade",
                                         "Trailer",    "Content-Length",    "Content-Type"};
  for (const HeaderField& field : fields)
    if (equal_names(field.name, "Connection"))
      each_element(field.value, [&](std::string_view name) { left_out.push_back(name); });
  std::vector<HeaderField> kept;
  for (const HeaderField& field : fields)
    if (std::none_of(left_out.begin(), left_out.end(),
                     [&](std::string_view name) { return equal_names(name, field.name); }))
      kept.push_back(field);
  return kept;
}

bool tells_of_the_body(std::string_view name) {
  constexpr std::array<std::string_view, 9> told{
      "ETag",      "Content-MD5",     "Digest",  "Content-Digest", "Repr-Digest",
      "Signature", "Signature-Input", "Trailer", "Content-Range"};
  return std::any_of(told.begin(), told.end(),
                     [&](std::string_view each) { return equal_names(each, name); });
}

std::vector<HeaderField> fields_of_new_body(const std::vector<HeaderField>& fields) {
  std::vector<HeaderField> kept = end_to_end_fields(fields);
  std::erase_if(kept, [](const HeaderField& field) {
    return tells_of_the_body(field.name) || equal_names(field.name, "Content-Encoding") ||
           equal_names(field.name, "Accept-Ranges");
  });
  return kept;
}

std::optional<std::string> tidied_answer_head(std::string_view head) {
  std::string tidy = TidyHead().written(head);
  if (tidy == head) return std::nullopt;
  return tidy;
}

}  // namespace tasklane
