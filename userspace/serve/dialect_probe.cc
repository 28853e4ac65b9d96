#include "userspace/serve/dialect_probe.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "shaper/decide/spoken.h"
#include "userspace/serve/target.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

constexpr Duration between_questions = std::chrono::seconds(5);
// A list of a thousand models; everything else waits while it is read.
constexpr std::size_t longest_read = 256U << 10;

bool has(const OwnAnswer& said, const char* member) {
  if (!said.whole) return false;
  const nlohmann::json json = nlohmann::json::parse(said.body, nullptr, false);
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
  const OwnAnswer version = co_await get(asked, "/api/version");
  constexpr int server_error = 500;
  constexpr int too_many = 429;
  if (version.status == 0 || version.status >= server_error || version.status == too_many) co_return;
  std::optional<DialectFamily> family;
  if (has(version, "version"))
    family = DialectFamily::ollama;
  else if (asked.upstream->service)
    family = DialectFamily::openai;
  if (!family) {
    const OwnAnswer models = co_await get(asked, "/v1/models");
    if (has(models, "data")) family = DialectFamily::openai;
  }
  if (context_.config == asked.config) context_.book.upstream({asked.upstream->name}).family = family;
}

Awaitable<OwnAnswer> DialectProbe::get(Asked asked, std::string path) {
  if (context_.own.paused()) co_return OwnAnswer{};
  const Upstream& upstream = *asked.upstream;
  const std::string before = upstream.service ? upstream.service->path : std::string();
  OwnQuestion question{server_key(Target{}, upstream), asked.services->target_of(Target{}, upstream),
                       asked.services->question(upstream, before + path), longest_answer_, longest_read};
  co_return co_await put(context_, std::move(question));
}

}  // namespace tasklane
