#include "shaper/http/message_scanner.h"

#include <algorithm>
#include <utility>

namespace tasklane {
namespace {

constexpr std::string_view line_end = "\r\n";

}  // namespace

template <bool is_request>
ScanResult MessageScanner<is_request>::feed(std::string_view bytes) {
  ScanResult result;
  if (phase_ == Phase::failed) return {failure_, 0};
  if (!is_header_done()) {
    result.state = feed_head(bytes, result.consumed);
    return result;
  }
  result.consumed = feed_body(bytes);
  if (phase_ == Phase::failed)
    result.state = failure_;
  else
    result.state = is_done() ? ScanState::done : ScanState::need_more;
  return result;
}

template <bool is_request>
bool MessageScanner<is_request>::end_of_stream() {
  if (phase_ == Phase::to_the_end) phase_ = Phase::done;
  return is_done();
}

template <bool is_request>
ScanState MessageScanner<is_request>::fail(ScanState state, std::string problem) {
  phase_ = Phase::failed;
  failure_ = state;
  problem_ = std::move(problem);
  return state;
}

// A request's first line is judged as soon as it is there, for what is no HTTP may wait for an answer to it.
template <bool is_request>
ScanState MessageScanner<is_request>::first_line(std::string_view bytes, std::size_t& consumed) {
  const std::size_t end = bytes.find(line_end, searched_ == 0 ? 0 : searched_ - 1);
  if (end == std::string_view::npos) {
    searched_ = bytes.size();
    return bytes.size() > header_limit_ ? fail(ScanState::header_too_large) : ScanState::need_more;
  }
  if (end + line_end.size() > header_limit_) return fail(ScanState::header_too_large);
  const std::optional<RequestLine> line = parse_request_line(bytes.substr(0, end));
  if (!line) return fail(ScanState::not_http);
  head_.method = line->method;
  head_.target = line->target;
  version_ = line->version;
  phase_ = Phase::fields;
  consumed = head_bytes_ = end + line_end.size();
  searched_ = 0;
  return ScanState::need_more;
}

// How many bytes the rest of the head has, with the empty line. An answer's lines may end in LF alone.
template <bool is_request>
std::optional<std::size_t> MessageScanner<is_request>::end_of_head(std::string_view bytes) {
  if (is_request && bytes.starts_with(line_end)) return line_end.size();
  std::size_t at = searched_;
  while ((at = bytes.find('\n', at)) != std::string_view::npos) {
    const std::string_view next = bytes.substr(at + 1, line_end.size());
    if (next == line_end) return at + 1 + line_end.size();
    if (!is_request && next.starts_with('\n')) return at + 2;
    if (next.empty() || (next == "\r")) break;  // more must come before this is known
    ++at;
  }
  searched_ = std::min(at, bytes.size());
  return std::nullopt;
}

template <bool is_request>
ScanState MessageScanner<is_request>::feed_head(std::string_view bytes, std::size_t& consumed) {
  if (is_request && phase_ == Phase::first_line) {
    const ScanState state = first_line(bytes, consumed);
    if (phase_ != Phase::fields) return state;
  }
  constexpr std::string_view name = "HTTP/1.";
  if (!is_request && bytes.substr(0, name.size()) != name.substr(0, bytes.size()))
    return fail(ScanState::not_http, "its first line is none of HTTP/1");
  const std::string_view rest = bytes.substr(consumed);
  const std::optional<std::size_t> end = end_of_head(rest);
  if (head_bytes_ + end.value_or(rest.size()) > header_limit_) return fail(ScanState::header_too_large);
  if (!end) return ScanState::need_more;
  const std::string_view head = rest.substr(0, *end);
  const ScanState state =
      is_request ? finish_head(head.substr(0, head.size() - line_end.size())) : answer_head(head);
  if (phase_ != Phase::failed) consumed += head.size();
  return state;
}

template <bool is_request>
ScanState MessageScanner<is_request>::finish_head(std::string_view fields) {
  std::string problem = parse_fields(fields, head_.fields);
  if (!problem.empty()) return fail(ScanState::ambiguous, std::move(problem));
  framing_ = framing_of(head_.fields, version_);
  const bool no_answer_body = !is_request && (status_ / 100 == 1 || status_ == 204 || status_ == 304);
  bodiless_ = bodiless_ || no_answer_body;
  if (!bodiless_ && !framing_.problem.empty()) return fail(ScanState::ambiguous, framing_.problem);
  begin_body();
  return ScanState::head_done;
}

template <bool is_request>
bool MessageScanner<is_request>::read_answer_head(std::string_view head) {
  const std::size_t end = head.find(line_end);
  const std::optional<StatusLine> line = parse_status_line(head.substr(0, end));
  if (!line) {
    fail(ScanState::not_http, "its first line is none of HTTP/1");
    return false;
  }
  status_ = line->status;
  reason_ = line->reason;
  version_ = line->version;
  head_.fields.clear();
  const std::size_t begin = end + line_end.size();
  return finish_head(head.substr(begin, head.size() - begin - line_end.size())) == ScanState::head_done;
}

template <bool is_request>
ScanState MessageScanner<is_request>::answer_head(std::string_view head) {
  if (head.ends_with("\r\n\r\n") && read_answer_head(head)) return ScanState::head_done;
  phase_ = Phase::fields;
  tidied_ = tidied_answer_head(head);
  if (tidied_ && read_answer_head(*tidied_)) return ScanState::head_done;
  return fail(failure_, problem_);
}

template <bool is_request>
void MessageScanner<is_request>::begin_body() {
  if (bodiless_) {
    phase_ = Phase::done;
  } else if (framing_.chunked) {
    phase_ = Phase::chunks;
  } else if (framing_.length || is_request) {
    left_ = framing_.length.value_or(0);
    phase_ = left_ == 0 ? Phase::done : Phase::length;
  } else {
    to_the_end_ = true;
    phase_ = Phase::to_the_end;
  }
}

template <bool is_request>
std::size_t MessageScanner<is_request>::feed_body(std::string_view bytes) {
  if (phase_ == Phase::chunks) {
    const std::size_t taken = chunks_.feed(bytes, body_);
    body_bytes_ = chunks_.data_bytes();
    if (chunks_.done()) phase_ = Phase::done;
    if (chunks_.failed()) fail(ScanState::ambiguous, chunks_.problem());
    return taken;
  }
  if (phase_ != Phase::length && phase_ != Phase::to_the_end) return 0;
  std::size_t taken = bytes.size();
  if (phase_ == Phase::length) {
    taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, taken));
    left_ -= taken;
    if (left_ == 0) phase_ = Phase::done;
  }
  body_bytes_ += taken;
  if (body_ != nullptr) body_->append(bytes.data(), taken);
  return taken;
}

template class MessageScanner<true>;
template class MessageScanner<false>;

}  // namespace tasklane
