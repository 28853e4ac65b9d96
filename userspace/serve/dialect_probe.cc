#include "userspace/serve/dialect_probe.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "shaper/decide/spoken.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

constexpr Duration between_questions = std::chrono::seconds(5);
constexpr std::size_t longest_read = 4U << 20;  // a list of thousands of models; nobody waits for more
constexpr int ok = 200;

bool has(const std::optional<std::string>& said, const char* member) {
  if (!said || said->size() > longest_read) return false;
  const nlohmann::json json = nlohmann::json::parse(*said, nullptr, false);
  return json.is_object() && json.contains(member);
}

}  // namespace

void DialectProbe::look(const std::vector<const Upstream*>& route) {
  for (const Upstream* upstream : route) look_at(*upstream);
}

void DialectProbe::look_at_all() {
  asked_.clear();
  for (const auto& [name, upstream] : context_.config->upstreams) look_at(upstream);
}

void DialectProbe::look_at(const Upstream& upstream) {
  if (!dialect_is_asked(upstream) || spoken_by(upstream, context_.book) || context_.own.paused()) return;
  // What was decided before the configuration was read again points into the old one.
  const auto found = context_.config->upstreams.find(upstream.name);
  if (found == context_.config->upstreams.end() || &found->second != &upstream) return;
  const auto [last, first] = asked_.try_emplace(upstream.name, now());
  if (!first && now() < last->second + between_questions) return;
  last->second = now();
  Asked asked{context_.config, context_.services, &upstream};
  spawn(context_.io, "a question for a server's dialect", ask(std::move(asked)));
}

// Ollama tells its version at a path that nobody else has; who has no such path speaks OpenAI's dialect, for
// what an https url without another word was always taken for; of what is asked in its clients' dialect that
// must be seen. A server that is not reached, or is ill, tells nothing.
Awaitable<void> DialectProbe::ask(Asked asked) {
  int status = 0;
  const std::optional<std::string> version = co_await get(asked, "/api/version", &status);
  constexpr int server_error = 500;
  constexpr int too_many = 429;
  if (status == 0 || status >= server_error || status == too_many) co_return;
  std::optional<DialectFamily> family;
  if (has(version, "version"))
    family = DialectFamily::ollama;
  else if (asked.upstream->service)
    family = DialectFamily::openai;
  if (!family) {
    const std::optional<std::string> models = co_await get(asked, "/v1/models", &status);
    if (has(models, "data")) family = DialectFamily::openai;
  }
  if (context_.config == asked.config) context_.book.upstream({asked.upstream->name}).family = family;
}

// Its body, where all of it came with status 200. Status 0: it did not answer.
Awaitable<std::optional<std::string>> DialectProbe::get(Asked asked, std::string path, int* status) {
  *status = 0;
  if (context_.own.paused()) co_return std::nullopt;
  // Shared, for the timer's handler may already be queued when the answer is there.
  const auto asking = std::make_shared<OwnRequests::One>(context_.own, server_key(Target{}, *asked.upstream));
  Timer limit(context_.io.get_executor(), longest_answer_);
  limit.async_wait([asking](const error_code& cancelled) {
    if (!cancelled) asking->end();
  });
  const ReachWishes wishes{.dialling = asking->dialling()};
  Target target = asked.services->target_of(Target{}, *asked.upstream);
  Result<UpstreamPtr> reached = co_await reach(context_.upstreams, std::move(target), wishes);
  if (!reached) co_return std::nullopt;
  if (!asking->reached(std::move(*reached))) co_return std::nullopt;
  const std::string request = asked.services->question(*asked.upstream, path);
  co_await send_all(asking->upstream().socket(), request);
  AnswerAssembler said(Dialect::openai_chat, Keep::raw);
  const Collected collected = co_await collect_answer(asking->upstream(), said, &context_.memory);
  *status = collected.status;
  if (collected.status != ok || !collected.whole) co_return std::nullopt;
  co_return said.raw();
}

}  // namespace tasklane
