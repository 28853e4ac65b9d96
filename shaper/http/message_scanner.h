// Reads HTTP/1.1 messages without changing them: the caller keeps the raw bytes, the scanner says where the
// head ends, where the message ends and what stands in it. Whatever two readers could understand differently
// is refused, for what is forwarded must mean one thing.
//
// The rule for whoever forwards: only bytes that the scanner has consumed are sent on. A head is consumed
// when it is whole and right, a body byte by byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/http/chunk_scanner.h"
#include "shaper/http/message_head.h"
#include "shaper/http/request_head.h"

namespace tasklane {

enum class ScanState {
  need_more,  // every byte given so far is read, or waits for more to follow
  head_done,  // the head has just been completed (told once)
  done,       // the message is complete
  not_http,   // the first line is none of HTTP/1
  ambiguous,  // framing that could be read in two ways (RFC 9112 sections 5, 6, 7, 11.2)
  header_too_large,
};

struct ScanResult {
  ScanState state = ScanState::need_more;
  std::size_t consumed = 0;  // bytes of the input that have been judged and may be sent on
};

// What both kinds of message share.
template <bool is_request>
class MessageScanner {
 public:
  // `header_limit`: of the head from the first line to the empty line, in bytes.
  explicit MessageScanner(std::uint32_t header_limit) : header_limit_(header_limit) {}

  // Feeds bytes that follow those consumed before: what was not consumed comes again, with more behind it.
  // Stops after the head once (state head_done).
  ScanResult feed(std::string_view bytes);
  // The peer has closed: true where that ends the message properly (a body that runs to the end).
  bool end_of_stream();
  // A response to HEAD has no body whatever its fields say.
  void no_body() { bodiless_ = true; }

  [[nodiscard]] bool is_header_done() const { return phase_ != Phase::first_line && phase_ != Phase::fields; }
  [[nodiscard]] bool is_done() const { return phase_ == Phase::done; }
  [[nodiscard]] bool chunked() const { return framing_.chunked; }
  [[nodiscard]] std::optional<std::uint64_t> content_length() const { return framing_.length; }
  // The body ends with the connection.
  [[nodiscard]] bool need_eof() const { return to_the_end_; }
  // What the sender says of the connection behind this message (RFC 9112 section 9.3).
  [[nodiscard]] bool keep_alive() const {
    return !framing_.close && !to_the_end_ && (version_ >= 11 || framing_.keep_alive);
  }

  // Why the state is `ambiguous`, for the answer and the log.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const RequestHead& head() const { return head_; }
  RequestHead& head() { return head_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] int version() const { return version_; }  // 10 or 11
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }
  // Of an answer: the head to send on instead of the one that came, where that one had to be forgiven
  // something.
  [[nodiscard]] const std::optional<std::string>& tidied() const { return tidied_; }

  // Where decoded body bytes are copied to; null: nowhere.
  void collect_into(std::string* body) { body_ = body; }

 private:
  enum class Phase { first_line, fields, length, chunks, to_the_end, done, failed };

  ScanState feed_head(std::string_view bytes, std::size_t& consumed);
  ScanState first_line(std::string_view bytes, std::size_t& consumed);
  ScanState finish_head(std::string_view fields);
  ScanState answer_head(std::string_view head);
  [[nodiscard]] bool read_answer_head(std::string_view head);
  std::size_t feed_body(std::string_view bytes);
  void begin_body();
  ScanState fail(ScanState state, std::string problem = {});
  [[nodiscard]] std::optional<std::size_t> end_of_head(std::string_view bytes);

  Phase phase_ = Phase::first_line;
  ScanState failure_ = ScanState::ambiguous;
  std::uint32_t header_limit_;
  std::size_t head_bytes_ = 0;  // consumed
  std::size_t searched_ = 0;    // of the bytes not yet consumed: no end of a line or head begins there
  RequestHead head_;
  Framing framing_;
  int status_ = 0;
  std::string reason_;
  int version_ = 11;
  bool bodiless_ = false;
  bool to_the_end_ = false;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t left_ = 0;  // of a body with a length
  ChunkScanner chunks_{is_request ? ChunkReading::strict : ChunkReading::padded_sizes};
  std::string* body_ = nullptr;
  std::string problem_;
  std::optional<std::string> tidied_;
};

using RequestScanner = MessageScanner<true>;
using ResponseScanner = MessageScanner<false>;
extern template class MessageScanner<true>;
extern template class MessageScanner<false>;

}  // namespace tasklane
