// Reads HTTP/1.1 messages without changing them: the caller keeps the raw bytes, the scanner says where the
// head ends, where the message ends and what stands in it. Parsing is Beast's (RFC 9112); on top of it
// whatever two readers could understand differently is refused, for what is forwarded must mean one thing.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <boost/optional/optional.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "shaper/http/request_head.h"

namespace tasklane {

enum class ScanState {
  need_more,  // every byte given so far is read, or waits for more to follow
  head_done,  // the head has just been completed (told once, when asked to stop there)
  done,       // the message is complete
  not_http,   // the first line is none of HTTP/1
  ambiguous,  // framing that could be read in two ways (RFC 9112 sections 5, 6, 11.2)
  header_too_large,
};

struct ScanResult {
  ScanState state = ScanState::need_more;
  std::size_t consumed = 0;  // bytes of the input that belong to what has been read
};

// What both kinds of message share. `body` receives decoded body bytes.
template <bool is_request>
class MessageScanner : private boost::beast::http::basic_parser<is_request> {
  using Base = boost::beast::http::basic_parser<is_request>;
  using string_view = boost::beast::string_view;
  using error_code = boost::beast::error_code;

 public:
  explicit MessageScanner(std::uint32_t header_limit) {
    Base::header_limit(header_limit);
    Base::body_limit(boost::none);
    Base::eager(true);
  }

  // Feeds bytes that follow those consumed before. Stops after the head once (state head_done).
  ScanResult feed(std::string_view bytes);
  // The peer has closed: true where that ends the message properly (a body that runs to the end).
  bool end_of_stream();
  // A response to HEAD has no body whatever its fields say.
  void no_body() { Base::skip(true); }

  using Base::chunked;
  using Base::content_length;
  using Base::is_done;
  using Base::is_header_done;
  using Base::keep_alive;
  using Base::need_eof;
  using Base::upgrade;

  // Why the state is `ambiguous`, for the answer and the log.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const RequestHead& head() const { return head_; }
  RequestHead& head() { return head_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] int version() const { return version_; }  // 10 or 11
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

  // Where decoded body bytes are copied to; null: nowhere.
  void collect_into(std::string* body) { body_ = body; }

 private:
  void on_request_impl(boost::beast::http::verb, string_view method, string_view target, int version,
                       error_code&) override;
  void on_response_impl(int status, string_view, int version, error_code&) override;
  void on_field_impl(boost::beast::http::field name, string_view text, string_view value,
                     error_code&) override;
  void on_header_impl(error_code&) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code&) override;
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override;
  void on_finish_impl(error_code&) override {}

  ScanState failure(const error_code& error);
  void refuse(std::string why, error_code& error);
  std::size_t take(string_view bytes);

  RequestHead head_;
  int status_ = 0;
  int version_ = 11;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
  bool chunked_last_ = false;
  bool head_complete_ = false;
  bool head_told_ = false;
  std::uint64_t body_bytes_ = 0;
  std::string* body_ = nullptr;
  std::string problem_;
};

using RequestScanner = MessageScanner<true>;
using ResponseScanner = MessageScanner<false>;
extern template class MessageScanner<true>;
extern template class MessageScanner<false>;

}  // namespace tasklane
