#include "userspace/serve/own_question.h"

#include <utility>

#include "shaper/dialect/assemble.h"
#include "userspace/wire/answer_collector.h"

namespace tasklane {
namespace {

// By the system's word: a dial's error has no other.
bool is_refusal(const Error& error) {
  return error.what == error_code(asio::error::connection_refused).message();
}

}  // namespace

std::string question_head(const std::string& path, const std::string& host) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
}

Awaitable<OwnAnswer> put(RelayContext& context, OwnQuestion question) {
  OwnAnswer answer;
  // Shared, for the timer's handler may already be queued when the answer is there.
  const auto asking = std::make_shared<OwnRequests::One>(context.own, question.server);
  const auto late = std::make_shared<bool>(false);
  Timer limit(context.io.get_executor(), question.longest);
  limit.async_wait([asking, late](const error_code& cancelled) {
    if (cancelled) return;
    *late = true;
    asking->end();
  });
  const ReachWishes wishes{.dialling = asking->dialling()};
  Result<UpstreamPtr> reached = co_await reach(context.upstreams, std::move(question.to), wishes);
  answer.ended = asking->ended() && !*late;
  if (!reached) {
    answer.refused = is_refusal(reached.error());
    co_return answer;
  }
  if (!asking->reached(std::move(*reached))) co_return answer;
  co_await send_all(asking->upstream().socket(), question.head);
  AnswerAssembler said(Dialect::openai_chat, Keep::raw, ByteSize{question.most_bytes});
  const Collected collected = co_await collect_answer(asking->upstream(), said, &context.memory);
  answer.ended = asking->ended() && !*late;
  answer.status = collected.status;
  answer.whole =
      collected.status == OwnAnswer::ok && collected.whole && said.raw().size() <= question.most_bytes;
  if (answer.whole) answer.body = said.raw();
  co_return answer;
}

}  // namespace tasklane
