#include "shaper/http/message_scanner.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace tasklane {

namespace http = boost::beast::http;

namespace {

// The last transfer coding must be chunked, once (RFC 9112 section 6.1), or the body's end is anybody's
// guess.
bool ends_in_chunked(boost::beast::string_view value) {
  bool last = false;
  for (const auto& coding : http::token_list{value}) {
    if (last) return false;
    last = boost::beast::iequals("chunked", coding);
  }
  return last;
}

}  // namespace

template <bool is_request>
ScanResult MessageScanner<is_request>::feed(std::string_view bytes) {
  ScanResult result;
  while (!Base::is_done()) {
    error_code error;
    // Without eager mode Beast stops behind the head, where the caller wants to decide how the body is
    // treated.
    Base::eager(head_complete_);
    const std::size_t taken = Base::put(
        boost::asio::const_buffer(bytes.data() + result.consumed, bytes.size() - result.consumed), error);
    result.consumed += taken;
    if (error && error != http::error::need_more) {
      result.state = failure(error);
      return result;
    }
    if (head_complete_ && !head_told_) {
      head_told_ = true;
      result.state = ScanState::head_done;
      return result;
    }
    if (error == http::error::need_more || result.consumed == bytes.size()) break;
  }
  result.state = Base::is_done() ? ScanState::done : ScanState::need_more;
  return result;
}

template <bool is_request>
bool MessageScanner<is_request>::end_of_stream() {
  if (Base::is_done()) return true;
  if (!Base::is_header_done() || !Base::need_eof()) return false;
  error_code error;
  Base::put_eof(error);
  return !error;
}

template <bool is_request>
ScanState MessageScanner<is_request>::failure(const error_code& error) {
  if (error == http::error::header_limit && !head_complete_) return ScanState::header_too_large;
  const bool first_line = version_ == 0 || (head_.method.empty() && status_ == 0);
  if (first_line) return ScanState::not_http;
  if (problem_.empty()) problem_ = error.message();
  return ScanState::ambiguous;
}

template <bool is_request>
void MessageScanner<is_request>::refuse(std::string why, error_code& error) {
  problem_ = std::move(why);
  error = http::error::bad_value;
}

template <bool is_request>
void MessageScanner<is_request>::on_request_impl(http::verb, string_view method, string_view target,
                                                 int version, error_code&) {
  head_.method = method;
  head_.target = target;
  version_ = version;
}

template <bool is_request>
void MessageScanner<is_request>::on_response_impl(int status, string_view, int version, error_code&) {
  status_ = status;
  version_ = version;
}

template <bool is_request>
void MessageScanner<is_request>::on_field_impl(http::field name, string_view text, string_view value,
                                               error_code& error) {
  if (head_complete_) return;  // a trailer: forwarded, never merged into the head (RFC 9110 section 6.5.1)
  head_.fields.push_back({std::string(text), std::string(value)});
  if (name == http::field::content_length && ++content_lengths_ > 1)
    refuse("more than one Content-Length", error);
  if (name == http::field::transfer_encoding) {
    if (++transfer_encodings_ > 1) refuse("more than one Transfer-Encoding", error);
    chunked_last_ = ends_in_chunked(value);
  }
  if (name == http::field::content_length && value.find(',') != string_view::npos)
    refuse("a list in Content-Length", error);
}

template <bool is_request>
void MessageScanner<is_request>::on_header_impl(error_code& error) {
  head_complete_ = true;
  if (transfer_encodings_ == 0) return;
  if (content_lengths_ > 0)
    refuse("both Content-Length and Transfer-Encoding", error);
  else if (is_request && version_ < 11)
    refuse("Transfer-Encoding in HTTP/1.0", error);
  else if (is_request && !chunked_last_)
    refuse("the last transfer coding is not chunked", error);
}

template <bool is_request>
std::size_t MessageScanner<is_request>::take(string_view bytes) {
  body_bytes_ += bytes.size();
  if (body_ != nullptr) body_->append(bytes.data(), bytes.size());
  return bytes.size();
}

template <bool is_request>
std::size_t MessageScanner<is_request>::on_body_impl(string_view bytes, error_code&) {
  return take(bytes);
}

template <bool is_request>
std::size_t MessageScanner<is_request>::on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) {
  return take(bytes);
}

template class MessageScanner<true>;
template class MessageScanner<false>;

}  // namespace tasklane
