#include "userspace/wire/answer_relay.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
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
constexpr int send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;

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

// What the scanner has not read stands in front of what comes next. Where something is kept, `unread_` is its
// end.
void AnswerRelay::keep_unread() {
  if (unread_.empty())
    kept_.clear();
  else if (kept_.empty())
    kept_ = unread_;
  else
    kept_.erase(0, kept_.size() - unread_.size());
  unread_ = kept_;
}

// Mostly nothing is left from before, and what has come is read where it landed.
void AnswerRelay::landed(std::size_t count) {
  const std::string_view fresh(upstream_.landing(), count);
  unread_ = kept_.empty() ? fresh : std::string_view(kept_.append(fresh));
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

AnswerRelay::Next AnswerRelay::look() { return final_head_ ? look_at_body() : look_at_head(); }

AnswerRelay::Next AnswerRelay::look_at_head() {
  const ScanResult scan = scanner_->feed(unread_);
  if (scan.state == ScanState::need_more) return Next::read;
  if (scan.state != ScanState::head_done) {
    report_.end = AnswerEnd::unreadable;
    report_.problem =
        scan.state == ScanState::header_too_large ? "its header is too large" : scanner_->problem();
    return Next::ended;
  }
  head_ = scanner_->tidied() ? *scanner_->tidied() : std::string(unread_.substr(0, scan.consumed));
  unread_.remove_prefix(scan.consumed);
  report_.status = scanner_->status();
  if (const std::string* server = scanner_->head().field("Server")) report_.server = *server;
  report_.cross_origin = cross_origin_fields(scanner_->head().fields);
  report_.retry_after = retry_after_in(scanner_->head());
  const bool interim = report_.status / 100 == 1 && report_.status != 101;
  return interim ? Next::interim : begin_final();
}

AnswerRelay::Next AnswerRelay::begin_final() {
  final_head_ = true;
  if (report_.status == 101 || (wishes_.to_connect_request && report_.status / 100 == 2))
    return Next::upgrade;
  if (wishes_.pass_over_errors && report_.status >= first_error_status && !sent_anything_) {
    report_.end = AnswerEnd::passed_over;
    return Next::ended;
  }
  finish_head();
  begin_transform();
  return look_at_body();
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
// a coroutine. True: all of it; else the head and `raw` are what is left.
bool AnswerRelay::pass_at_once(std::string_view& raw) {
  report_.begun = true;
  const std::size_t size = head_.size() + raw.size();
  if (size == 0) return true;
  // The kernel only reads what they point to.
  std::array<iovec, 2> parts{{{head_.data(), head_.size()}, {const_cast<char*>(raw.data()), raw.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t sent = head_.empty() ? ::send(client_.native_handle(), raw.data(), raw.size(), send_flags)
                                     : ::sendmsg(client_.native_handle(), &message, send_flags);
  if (sent <= 0) return false;  // whoever waits for it is told why
  const auto count = static_cast<std::size_t>(sent);
  report_.bytes += count;
  sent_anything_ = true;
  const std::size_t of_head = std::min(count, head_.size());
  head_.erase(0, of_head);
  raw.remove_prefix(count - of_head);
  return count == size;
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

AnswerRelay::Next AnswerRelay::look_at_body() {
  const ScanResult scan = scanner_->feed(unread_);
  body_ = scan.state;
  const bool done = body_ == ScanState::done;
  if (!done && body_ != ScanState::need_more && !report_.begun) {
    report_.end = AnswerEnd::unreadable;
    report_.problem = scanner_->problem();
    return Next::ended;
  }
  if (report_.copy.size() > longest_copy || !memory_.hold(report_.copy.size())) {
    scanner_->collect_into(nullptr);
    report_.copy = std::string();
  }
  if (!report_.first_byte && (scanner_->body_bytes() > 0 || done)) report_.first_byte = now();
  left_ = unread_.substr(0, scan.consumed);
  unread_.remove_prefix(scan.consumed);
  if (!transform_ && pass_at_once(left_)) return behind_passing();
  return done ? Next::send_last : Next::send;
}

AnswerRelay::Next AnswerRelay::behind_passing() {
  if (body_ == ScanState::done) return Next::done;
  if (body_ == ScanState::need_more) return Next::read;
  report_.reset = true;
  break_off();
  return Next::ended;
}

// The upstream has closed.
AnswerRelay::Next AnswerRelay::at_the_end(const error_code& error) {
  report_.reset = error != asio::error::eof;
  if (!final_head_) {
    const bool nothing = unread_.empty() && !sent_anything_;
    report_.end = nothing ? AnswerEnd::no_answer : AnswerEnd::broken;
    return Next::ended;
  }
  if (report_.reset || !scanner_->end_of_stream()) {
    break_off();
    return Next::ended;
  }
  left_ = {};
  return Next::send_last;
}

Awaitable<void> AnswerRelay::upgrade() {
  if (wishes_.may_upgrade && !wishes_.may_upgrade()) {
    report_.end = AnswerEnd::unreadable;
    report_.problem = "it changes the protocol before it has the request";
    co_return;
  }
  const bool sent = co_await send_behind_head({});
  if (sent) report_.end = AnswerEnd::upgraded;
  report_.leftover = unread_;
}

AnswerReport AnswerRelay::finished() {
  report_.end = AnswerEnd::complete;
  report_.spent = ReadWhole::of(*scanner_, unread_);
  const bool ends_with_connection = transform_ && wishes_.client_is_http10 && format_ != AnswerFormat::json;
  report_.client_keep_alive = scanner_->keep_alive() && !ends_with_connection && !said_last_;
  return std::move(report_);
}

Awaitable<AnswerReport> AnswerRelay::run() {
  for (Next next = Next::read; next != Next::done && next != Next::ended;) {
    bool passed = true;
    if (next == Next::read) {
      keep_unread();
      // Not a wait and then a recv(): Asio arms every wait anew with epoll_ctl, a read only once. Deferred,
      // for it takes no frame of its own.
      error_code error;
      const auto begin = [this, &error]<class Handler>(Handler handler) {
        upstream_.socket().async_read_some(
            asio::buffer(upstream_.landing(), UpstreamConnection::landing_size),
            asio::redirect_error(std::move(handler), error));
      };
      const std::size_t count =
          co_await asio::async_initiate<const asio::deferred_t, void(std::size_t)>(begin, asio::deferred);
      if (!error) landed(count);
      next = error ? at_the_end(error) : look();
    } else if (next == Next::interim) {
      passed = co_await take_interim();
      if (passed) next = look();
    } else if (next == Next::upgrade) {
      co_await upgrade();
      next = Next::ended;
    } else {
      const bool last = next == Next::send_last;
      passed = co_await pass(left_, last);
      if (passed) next = last ? Next::done : behind_passing();
    }
    if (!passed) next = Next::ended;
    if (next == Next::done) co_return finished();
  }
  co_return std::move(report_);
}

}  // namespace tasklane
