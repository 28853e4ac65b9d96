#include "userspace/serve/residency_look.h"

#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "userspace/serve/own_question.h"
#include "userspace/serve/target.h"

namespace tasklane {
namespace {

// All questions of one look together: a server on the same machine answers in a millisecond.
constexpr Duration longest_look = std::chrono::milliseconds(500);
// Ollama tells a few hundred bytes of each model.
constexpr std::size_t most_of_a_listing = 256U << 10;

std::string head_of(const Upstream& upstream, const Services& services, const std::string& path) {
  return upstream.original ? question_head(path, "localhost") : services.question(upstream, path);
}

// What is ended at a word says nothing; what has no such path is asked for the next.
Awaitable<void> ask(RelayContext& context, const Target& origin, const Upstream& upstream,
                    const Services& services) {
  const ServerKey server = server_key(origin, upstream);
  const Time end = now() + longest_look;
  for (std::size_t i = 0; i < residency_paths.size(); ++i) {
    const std::string path(context.book.residency(server).path());
    OwnQuestion question{server, services.target_of(origin, upstream), head_of(upstream, services, path),
                         end - now(), most_of_a_listing};
    const OwnAnswer answer = co_await put(context, std::move(question));
    if (answer.ended) co_return;
    std::optional<ResidentModels> models;
    if (answer.whole) models = resident_models_in(path, answer.body);
    Residency& residency = context.book.residency(server);
    if (models) co_return residency.told(std::move(*models), now());
    if (answer.broke() || now() >= end) break;
    residency.try_next_path();
  }
  context.book.residency(server).told_nothing(now());
}

// Whoever waits is told, however it ends.
class UnderWay {
 public:
  UnderWay(RelayContext& context, ServerKey server)
      : context_(context),
        server_(std::move(server)),
        ended_(std::make_shared<Timer>(context.io.get_executor(), Timer::time_point::max())) {
    context_.looks.emplace(server_, ended_);
  }
  ~UnderWay() {
    context_.looks.erase(server_);
    ended_->cancel();
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  RelayContext& context_;
  ServerKey server_;
  std::shared_ptr<Timer> ended_;
};

}  // namespace

Awaitable<void> look_at_residency(RelayContext& context, const Target& origin, const Upstream& upstream,
                                  const Services& services) {
  const ServerKey server = server_key(origin, upstream);
  if (context.own.paused() || !context.book.residency(server).is_due(now())) co_return;
  if (const auto found = context.looks.find(server); found != context.looks.end()) {
    const std::shared_ptr<Timer> others = found->second;
    error_code ignored;
    co_await others->async_wait(asio::redirect_error(use_await, ignored));
    co_return;
  }
  const UnderWay under_way(context, server);
  co_await ask(context, origin, upstream, services);
}

}  // namespace tasklane
