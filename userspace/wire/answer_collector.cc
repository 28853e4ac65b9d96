#include "userspace/wire/answer_collector.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <utility>

namespace tasklane {
namespace {

constexpr std::uint32_t longest_head = 1u << 20;
constexpr std::size_t longest_error = 64u << 10;

}  // namespace

Awaitable<Collected> collect_answer(UpstreamConnection& upstream, AnswerAssembler& assembler) {
  Collected collected;
  auto scanner = std::make_unique<ResponseScanner>(longest_head);
  std::string pending;
  std::string body;
  scanner->collect_into(&body);
  std::array<char, 16u << 10> landing;  // NOLINT: filled by the read
  for (;;) {
    error_code error;
    const std::size_t count = co_await upstream.socket().async_read_some(
        asio::buffer(landing), asio::redirect_error(use_await, error));
    if (error) break;
    collected.any_byte = true;
    pending.append(landing.data(), count);
    ScanResult scan;
    do {
      scan = scanner->feed(pending);
      pending.erase(0, scan.consumed);
      if (scan.state == ScanState::head_done && scanner->status() / 100 == 1) {
        scanner = std::make_unique<ResponseScanner>(longest_head);
        scanner->collect_into(&body);
      }
    } while (scan.state == ScanState::head_done);
    collected.status = scanner->status();
    if (!body.empty() && collected.first_byte == Time{}) collected.first_byte = now();
    if (collected.status == 200)
      assembler.feed(body);
    else
      collected.error_body +=
          body.substr(0, longest_error - std::min(longest_error, collected.error_body.size()));
    body.clear();
    if (scan.state == ScanState::need_more) continue;
    collected.whole = scan.state == ScanState::done;
    break;
  }
  if (!collected.whole) collected.whole = scanner->end_of_stream();
  if (const std::string* server = scanner->head().field("Server")) collected.server = *server;
  if (const std::string* type = scanner->head().field("Content-Type")) collected.content_type = *type;
  collected.keep_alive = collected.whole && scanner->is_done() && scanner->keep_alive() &&
                         !scanner->need_eof() && pending.empty();
  if (collected.status == 200) assembler.finish(collected.whole);
  co_return collected;
}

}  // namespace tasklane
