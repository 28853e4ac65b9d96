#include "userspace/wire/answer_relay.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <cstdio>
#include <utility>

#include "shaper/http/head_rewrite.h"

namespace tasklane {
namespace {

constexpr std::size_t landing_size = 64u << 10;
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
      landing_(std::make_unique_for_overwrite<char[]>(landing_size)) {
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
      asio::buffer(landing_.get(), landing_size), asio::redirect_error(use_await, error));
  if (error) co_return false;
  pending_.append(landing_.get(), count);
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

// Interim answers (RFC 9110 section 15.2) go on to the client, but for a 100 that it has had already.
Awaitable<bool> AnswerRelay::take_interim() {
  const bool swallow = scanner_->status() == 100 && wishes_.swallow_continue;
  const std::string head = std::exchange(head_, {});
  reset_scanner();
  if (swallow) co_return true;
  co_return co_await send(head);
}

Awaitable<bool> AnswerRelay::take_head() {
  for (;;) {
    const ScanResult scan = scanner_->feed(pending_);
    head_.append(pending_, 0, scan.consumed);
    pending_.erase(0, scan.consumed);
    if (scan.state == ScanState::need_more) {
      if (co_await receive()) continue;
      const bool nothing = pending_.empty() && head_.empty() && !sent_anything_;
      report_.end = nothing ? AnswerEnd::no_answer : AnswerEnd::broken;
      co_return false;
    }
    if (scan.state != ScanState::head_done) co_return co_await run_opaque();
    report_.status = scanner_->status();
    if (const std::string* server = scanner_->head().field("Server")) report_.server = *server;
    const bool interim = report_.status / 100 == 1 && report_.status != 101;
    if (!interim) co_return true;
    if (!co_await take_interim()) co_return false;
  }
}

// Below, what is sent is held in a named value: gcc 12 destroys temporaries within a condition's co_await
// wrongly. What is not HTTP as we read it still is what the model said: on to its end, then both sides close.
Awaitable<bool> AnswerRelay::run_opaque() {
  report_.end = AnswerEnd::broken;
  do {
    if (!report_.first_byte) report_.first_byte = now();
    const std::string bytes = std::exchange(head_, {}) + std::exchange(pending_, {});
    if (!co_await send(bytes)) co_return false;
  } while (co_await receive());
  co_return false;
}

void AnswerRelay::begin_transform() {
  const bool copied = wishes_.keep_copy && report_.status == 200 && !wishes_.client_model;
  if (copied) scanner_->collect_into(&report_.copy);
  if (!wishes_.client_model) return;
  const std::string* type = scanner_->head().field("Content-Type");
  const std::string* coding = scanner_->head().field("Content-Encoding");
  format_ = type == nullptr ? AnswerFormat::opaque : answer_format_of(*type);
  if (format_ == AnswerFormat::opaque || (coding != nullptr && !equal_names(*coding, "identity"))) return;
  transform_ = std::make_unique<ResponseModel>(format_, *wishes_.client_model);
  scanner_->collect_into(&decoded_);
  if (format_ == AnswerFormat::json) return;  // its head waits for the new length
  HeadChanges changes;
  if (wishes_.client_is_http10)
    changes.close = true;
  else
    changes.chunked = true;
  head_ = rewrite_head(head_, changes);
}

Awaitable<bool> AnswerRelay::pass_transformed(bool last) {
  std::string out = transform_->feed(std::exchange(decoded_, {}));
  if (last) out += transform_->finish();
  if (format_ == AnswerFormat::json) {
    collected_ += out;
    if (!last) co_return true;
    HeadChanges changes;
    changes.content_length = collected_.size();
    const std::string whole = rewrite_head(std::exchange(head_, {}), changes) + collected_;
    co_return co_await send(whole);
  }
  std::string wire = std::exchange(head_, {});
  if (wishes_.client_is_http10)
    wire += out;
  else if (!out.empty())
    wire += chunk_of(out);
  if (last && !wishes_.client_is_http10) wire += "0\r\n\r\n";
  co_return co_await send(wire);
}

Awaitable<bool> AnswerRelay::pass(std::string_view raw) {
  if (head_.empty()) co_return co_await send(raw);
  std::string both = std::exchange(head_, {});
  both += raw;
  co_return co_await send(both);
}

Awaitable<bool> AnswerRelay::take_body() {
  std::size_t sent = 0;  // of pending_: passed on already, though the scanner waits for more of it
  for (;;) {
    const ScanResult scan = scanner_->feed(pending_);
    if (scan.state != ScanState::need_more && scan.state != ScanState::done) {
      pending_.erase(0, sent);
      co_return co_await run_opaque();
    }
    const bool done = scan.state == ScanState::done;
    if (report_.copy.size() > longest_copy) scanner_->collect_into(nullptr);
    const std::size_t raw_end = done ? scan.consumed : pending_.size();
    if (!report_.first_byte && (scanner_->body_bytes() > 0 || done)) report_.first_byte = now();
    bool passed = false;  // written out: gcc 12 miscompiles co_await within ?: and ||
    if (transform_)
      passed = co_await pass_transformed(done);
    else
      passed = co_await pass(std::string_view(pending_).substr(sent, raw_end - sent));
    if (!passed) co_return false;
    sent = raw_end - scan.consumed;
    pending_.erase(0, scan.consumed);
    if (done) co_return true;
    if (co_await receive()) continue;
    if (!scanner_->end_of_stream()) {
      report_.end = AnswerEnd::broken;
      co_return false;
    }
    if (!transform_) co_return true;
    co_return co_await pass_transformed(true);
  }
}

Awaitable<AnswerReport> AnswerRelay::run() {
  if (!co_await take_head()) co_return std::move(report_);
  if (report_.status == 101) {
    const std::string head = std::exchange(head_, {});
    if (co_await send(head)) report_.end = AnswerEnd::upgraded;
    report_.leftover = std::move(pending_);
    co_return std::move(report_);
  }
  if (wishes_.pass_over_errors && report_.status >= first_error_status && !sent_anything_) {
    report_.end = AnswerEnd::passed_over;
    co_return std::move(report_);
  }
  begin_transform();
  if (!co_await take_body()) co_return std::move(report_);
  report_.end = AnswerEnd::complete;
  report_.upstream_keep_alive = scanner_->keep_alive() && !scanner_->need_eof() && pending_.empty();
  const bool closed_by_framing = transform_ && wishes_.client_is_http10 && format_ != AnswerFormat::json;
  report_.client_keep_alive = scanner_->keep_alive() && !scanner_->need_eof() && !closed_by_framing;
  co_return std::move(report_);
}

}  // namespace tasklane
