#include "userspace/wire/answer_collector.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "shaper/http/retry_after.h"

namespace tasklane {
namespace {

constexpr std::uint32_t longest_head = 1u << 20;
constexpr int ok = 200;
// Behind the answer's last line stands the message's end, mostly a moment later: waited for so that the
// connection can be used again, in steps that double from a millisecond: 15 ms in all.
constexpr int steps_for_the_end = 4;

// As received, and as it is put together.
constexpr std::uint64_t copies_of_an_answer = 2;

class Collection {
 public:
  Collection(UpstreamConnection& upstream, AnswerAssembler& assembler, MemoryBudget* memory,
             std::shared_ptr<Heard> heard)
      : upstream_(upstream), assembler_(assembler), memory_(memory), heard_(std::move(heard)) {
    anew();
  }

  Awaitable<Collected> run() {
    while (!over_ && !answered()) {
      error_code error;
      const std::size_t count = co_await upstream_.socket().async_read_some(
          asio::buffer(landing_), asio::redirect_error(use_await, error));
      if (error) {
        collected_.reset = error != asio::error::eof;
        break;
      }
      take(count);
    }
    if (!over_ && answered()) co_await see_the_end();
    finish();
    co_return std::move(collected_);
  }

 private:
  void anew() {
    scanner_.emplace(longest_head);
    scanner_->collect_into(&body_);
  }

  // The answer is there, or will never be.
  [[nodiscard]] bool answered() const {
    return collected_.status == ok && assembler_.state() != StreamState::open;
  }

  void take(std::size_t count) {
    collected_.any_byte = true;
    if (heard_) heard_->last = now();
    received_ += count;
    pending_.append(landing_.data(), count);
    ScanResult scan;
    do {
      scan = scanner_->feed(pending_);
      pending_.erase(0, scan.consumed);
      if (scan.state == ScanState::head_done && scanner_->status() / 100 == 1) anew();
    } while (scan.state == ScanState::head_done);
    if (scanner_->is_header_done()) collected_.status = scanner_->status();
    take_body();
    const bool room = received_ <= longest_collected && memory_.hold(copies_of_an_answer * received_);
    over_ = scan.state != ScanState::need_more || !room || error_is_long_;
  }

  void take_body() {
    if (!body_.empty() && collected_.first_byte == Time{}) collected_.first_byte = now();
    if (collected_.status == ok) {
      assembler_.feed(body_);
    } else {
      const std::size_t room = longest_error - collected_.error_body.size();
      error_is_long_ = body_.size() > room;
      collected_.error_body.append(body_, 0, room);
    }
    body_.clear();
  }

  Awaitable<void> see_the_end() {
    Timer timer(upstream_.socket().get_executor());
    for (int step = 0; step <= steps_for_the_end && !over_; ++step) {
      ssize_t count = 1;
      while (count > 0 && !over_) {
        count = ::recv(upstream_.socket().native_handle(), landing_.data(), landing_.size(), MSG_DONTWAIT);
        if (count > 0) take(static_cast<std::size_t>(count));
      }
      if (over_ || step == steps_for_the_end || count == 0 || !upstream_.socket().is_open()) break;
      timer.expires_after(std::chrono::milliseconds(1 << step));
      error_code ignored;
      co_await timer.async_wait(asio::redirect_error(use_await, ignored));
    }
  }

  void finish() {
    const bool at_its_end = scanner_->is_done() || (!over_ && !collected_.reset && scanner_->end_of_stream());
    const RequestHead& head = scanner_->head();
    if (const std::string* server = head.field("Server")) collected_.server = *server;
    if (const std::string* type = head.field("Content-Type")) collected_.content_type = *type;
    collected_.retry_after = retry_after_in(head);
    collected_.spent = ReadWhole::of(*scanner_, pending_);
    if (collected_.status == ok) {
      assembler_.finish(at_its_end);
      const StreamState state = assembler_.state();
      collected_.whole = at_its_end || state == StreamState::complete;
      collected_.fields = fields_of_new_body(head.fields);
    } else {
      collected_.whole = at_its_end || error_is_long_;
      collected_.fields = end_to_end_fields(head.fields);
    }
    collected_.reason = scanner_->reason();
  }

  UpstreamConnection& upstream_;
  AnswerAssembler& assembler_;
  Collected collected_;
  std::optional<ResponseScanner> scanner_;
  std::array<char, 16u << 10> landing_;  // NOLINT: filled by the read
  std::string pending_;
  std::string body_;
  std::size_t received_ = 0;
  MemoryShare memory_;
  std::shared_ptr<Heard> heard_;
  bool over_ = false;  // nothing more is to be read: the message's end, or no message
  bool error_is_long_ = false;
};

}  // namespace

Awaitable<Collected> collect_answer(UpstreamConnection& upstream, AnswerAssembler& assembler,
                                    MemoryBudget* memory, std::shared_ptr<Heard> heard) {
  const auto collection = std::make_unique<Collection>(upstream, assembler, memory, std::move(heard));
  co_return co_await collection->run();
}

}  // namespace tasklane
