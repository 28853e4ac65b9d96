#include "userspace/wire/answer_relay.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstdio>
#include <utility>

#include "shaper/http/cross_origin.h"
#include "shaper/http/retry_after.h"

namespace tasklane {
namespace {

constexpr std::size_t client_read_ahead = 64u << 10;  // of the client's input
constexpr int first_error_status = 400;
constexpr std::size_t longest_copy = 1u << 20;

std::string chunk_of(std::string_view bytes) {
  std::array<char, 20> size{};
  const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  std::string out(size.data(), static_cast<std::size_t>(length));
  return out.append(bytes).append("\r\n");
}

}  // namespace

AnswerRelay::AnswerRelay(TcpSocket& client, UpstreamConnection& upstream, AnswerWishes wishes)
    : client_(client),
      upstream_(upstream),
      wishes_(std::move(wishes)),
      buffers_(wishes_.memory),
      memory_(wishes_.memory) {
  buffers_.add(UpstreamConnection::landing_size + client_read_ahead);
  reset_scanner();
}

void AnswerRelay::reset_scanner() {
  scanner_.emplace(wishes_.header_limit);
  if (wishes_.to_head_request) scanner_->no_body();
}

// Not a wait and then a recv(): Asio arms every wait anew with epoll_ctl, a read only once.
Awaitable<bool> AnswerRelay::receive() {
  error_code error;
  const std::size_t count = co_await upstream_.socket().async_read_some(
      asio::buffer(upstream_.landing(), UpstreamConnection::landing_size),
      asio::redirect_error(use_await, error));
  report_.reset = error && error != asio::error::eof;
  if (error) co_return false;
  pending_.append(upstream_.landing(), count);
  co_return true;
}

Awaitable<bool> AnswerRelay::send(std::string_view bytes) {
  if (bytes.empty()) co_return true;
  report_.bytes += bytes.size();
  sent_anything_ = true;
  const bool sent = co_await send_all(client_, bytes);
  if (!sent) report_.end = AnswerEnd::client_gone;
  co_return sent;
}

// The final answer's head goes with the first bytes behind it.
Awaitable<bool> AnswerRelay::send_behind_head(std::string_view bytes) {
  report_.begun = true;
  if (head_.empty()) co_return co_await send(bytes);
  std::string both = std::exchange(head_, {});
  both += bytes;
  co_return co_await send(both);
}

// Interim answers (RFC 9110 section 15.2) go on to the client, but for a 100 that it has had already, and not
// to one that speaks HTTP/1.0 and takes the first head for the answer.
Awaitable<bool> AnswerRelay::take_interim() {
  const bool known = scanner_->status() == 100 && wishes_.swallow_continue;
  const std::string head = std::exchange(head_, {});
  reset_scanner();
  if (known || wishes_.client_is_http10) co_return true;
  co_return co_await send(head);
}

Awaitable<bool> AnswerRelay::take_head() {
  for (;;) {
    const ScanResult scan = scanner_->feed(pending_);
    if (scan.state == ScanState::need_more) {
      if (co_await receive()) continue;
      const bool nothing = pending_.empty() && !sent_anything_;
      report_.end = nothing ? AnswerEnd::no_answer : AnswerEnd::broken;
      co_return false;
    }
    if (scan.state != ScanState::head_done) {
      report_.end = AnswerEnd::unreadable;
      report_.problem =
          scan.state == ScanState::header_too_large ? "its header is too large" : scanner_->problem();
      co_return false;
    }
    head_ = scanner_->tidied() ? *scanner_->tidied() : pending_.substr(0, scan.consumed);
    pending_.erase(0, scan.consumed);
    report_.status = scanner_->status();
    if (const std::string* server = scanner_->head().field("Server")) report_.server = *server;
    report_.cross_origin = cross_origin_fields(scanner_->head().fields);
    report_.retry_after = retry_after_in(scanner_->head());
    const bool interim = report_.status / 100 == 1 && report_.status != 101;
    if (!interim) co_return true;
    if (!co_await take_interim()) co_return false;
  }
}

HeadChanges AnswerRelay::changes_of_body() const {
  HeadChanges changes;
  changes.other_body = true;
  changes.close = !scanner_->keep_alive();
  return changes;
}

// A client that is told so asks no more on a connection that is about to end.
void AnswerRelay::finish_head() {
  HeadChanges changes;
  changes.last = wishes_.is_last && wishes_.is_last();
  if (wishes_.note) changes.added.push_back(wishes_.note());
  said_last_ = changes.last;
  if (changes.last || !changes.added.empty()) head_ = rewrite_head(head_, changes);
}

void AnswerRelay::begin_transform() {
  const bool copied = wishes_.keep_copy && report_.status == 200 && !wishes_.client_model;
  if (copied) scanner_->collect_into(&report_.copy);
  if (!wishes_.client_model || scanner_->is_done()) return;
  const std::string* type = scanner_->head().field("Content-Type");
  const std::string* coding = scanner_->head().field("Content-Encoding");
  format_ = type == nullptr ? AnswerFormat::opaque : answer_format_of(*type);
  if (format_ == AnswerFormat::opaque || (coding != nullptr && !equal_names(*coding, "identity"))) return;
  transform_ = std::make_unique<ResponseModel>(format_, *wishes_.client_model);
  scanner_->collect_into(&decoded_);
  if (format_ == AnswerFormat::json) return;  // its head waits for the new length
  HeadChanges changes = changes_of_body();
  if (wishes_.client_is_http10)
    changes.close = true;
  else
    changes.chunked = true;
  head_ = rewrite_head(head_, changes);
}

// Of a stream, what is whole of it now.
Awaitable<bool> AnswerRelay::pass_transformed(bool last) {
  std::string out = transform_->feed(std::exchange(decoded_, {}));
  if (last) out += transform_->finish();
  std::string wire;
  if (wishes_.client_is_http10)
    wire += out;
  else if (!out.empty())
    wire += chunk_of(out);
  if (last && !wishes_.client_is_http10) wire += "0\r\n\r\n";
  co_return co_await send_behind_head(wire);
}

// A JSON answer waits for its end, or until it is too long to wait.
Awaitable<bool> AnswerRelay::pass_held(std::string_view raw, bool last) {
  held_ += raw;
  const bool room = memory_.hold(held_.size() + decoded_.size());
  if (held_.size() > longest_held || !room) {
    transform_.reset();
    scanner_->collect_into(nullptr);
    decoded_ = std::string();
    const std::string held = std::exchange(held_, {});
    co_return co_await send_behind_head(held);
  }
  if (!last) co_return true;
  std::string body = transform_->feed(decoded_);
  body += transform_->finish();
  HeadChanges changes = changes_of_body();
  changes.content_length = body.size();
  head_ = rewrite_head(head_, changes);
  co_return co_await send_behind_head(body);
}

// Of an answer that passes as it came: sends what the kernel takes at once, nearly always all of it, without
// a coroutine. True: all of it; else `raw`, or the head with it, is what is left.
bool AnswerRelay::pass_at_once(std::string_view& raw) {
  report_.begun = true;
  if (!head_.empty()) head_ += std::exchange(raw, {});
  const std::string_view bytes = head_.empty() ? raw : std::string_view(head_);
  if (bytes.empty()) return true;
  const ssize_t sent =
      ::send(client_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent <= 0) return false;  // whoever waits for it is told why
  const auto count = static_cast<std::size_t>(sent);
  const bool all = count == bytes.size();
  report_.bytes += count;
  sent_anything_ = true;
  if (head_.empty())
    raw.remove_prefix(count);
  else
    head_.erase(0, count);
  return all;
}

Awaitable<bool> AnswerRelay::pass(std::string_view raw, bool last) {
  // Written out: gcc 12 miscompiles co_await within ?: and ||.
  bool passed = false;
  if (!transform_)
    passed = co_await send_behind_head(raw);
  else if (format_ == AnswerFormat::json)
    passed = co_await pass_held(raw, last);
  else
    passed = co_await pass_transformed(last);
  co_return passed;
}

// Whether the client knows by itself where the answer should have ended.
bool AnswerRelay::client_sees_the_end() const {
  if (transform_) return !wishes_.client_is_http10;
  return !scanner_->need_eof();
}

void AnswerRelay::break_off() {
  report_.end = AnswerEnd::broken;
  if (report_.begun && !client_sees_the_end()) report_.reset = true;
}

Awaitable<bool> AnswerRelay::take_body() {
  for (;;) {
    const ScanResult scan = scanner_->feed(pending_);
    const bool wrong = scan.state != ScanState::need_more && scan.state != ScanState::done;
    const bool done = scan.state == ScanState::done;
    if (wrong && !report_.begun) {
      report_.end = AnswerEnd::unreadable;
      report_.problem = scanner_->problem();
      co_return false;
    }
    if (report_.copy.size() > longest_copy || !memory_.hold(report_.copy.size())) {
      scanner_->collect_into(nullptr);
      report_.copy = std::string();
    }
    if (!report_.first_byte && (scanner_->body_bytes() > 0 || done)) report_.first_byte = now();
    std::string_view raw = std::string_view(pending_).substr(0, scan.consumed);
    if (transform_ || !pass_at_once(raw)) {
      const bool passed = co_await pass(raw, done);
      if (!passed) co_return false;
    }
    pending_.erase(0, scan.consumed);
    if (done) co_return true;
    if (wrong) {
      report_.reset = true;
      break_off();
      co_return false;
    }
    if (co_await receive()) continue;
    if (report_.reset || !scanner_->end_of_stream()) {
      break_off();
      co_return false;
    }
    co_return co_await pass({}, true);
  }
}

Awaitable<void> AnswerRelay::upgrade() {
  if (wishes_.may_upgrade && !wishes_.may_upgrade()) {
    report_.end = AnswerEnd::unreadable;
    report_.problem = "it changes the protocol before it has the request";
    co_return;
  }
  const bool sent = co_await send_behind_head({});
  if (sent) report_.end = AnswerEnd::upgraded;
  report_.leftover = std::move(pending_);
}

Awaitable<AnswerReport> AnswerRelay::run() {
  if (!co_await take_head()) co_return std::move(report_);
  if (report_.status == 101 || (wishes_.to_connect_request && report_.status / 100 == 2)) {
    co_await upgrade();
    co_return std::move(report_);
  }
  if (wishes_.pass_over_errors && report_.status >= first_error_status && !sent_anything_) {
    report_.end = AnswerEnd::passed_over;
    co_return std::move(report_);
  }
  finish_head();
  begin_transform();
  if (!co_await take_body()) co_return std::move(report_);
  report_.end = AnswerEnd::complete;
  report_.spent = ReadWhole::of(*scanner_, pending_);
  const bool ends_with_connection = transform_ && wishes_.client_is_http10 && format_ != AnswerFormat::json;
  report_.client_keep_alive = scanner_->keep_alive() && !ends_with_connection && !said_last_;
  co_return std::move(report_);
}

}  // namespace tasklane
