#include "userspace/serve/health_checks.h"

#include <utility>

#include "shaper/decide/asked_after.h"
#include "userspace/serve/own_question.h"
#include "userspace/serve/target.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

// Of the answer its status is enough.
constexpr std::size_t most_of_an_answer = 16U << 10;

CheckAnswer check_answer(const OwnAnswer& answer) {
  if (answer.refused) return {CheckAnswer::Kind::refused};
  if (answer.status == 0) return {CheckAnswer::Kind::silent};
  return {CheckAnswer::Kind::answered, answer.status};
}

}  // namespace

void HealthChecks::use_configuration() {
  if (config_ == context_.config) return;
  config_ = context_.config;
  checks_.clear();
  for (const Upstream* upstream : asked_after(*config_))
    checks_.emplace(upstream->name, std::make_shared<CheckUp>(check_paths(*upstream)));
}

void HealthChecks::sweep(Time at) {
  // Where the system takes long to find names, none are added to what it is asked for.
  if (context_.own.paused() || context_.upstreams.resolving() > 0) return;
  use_configuration();
  for (const auto& [name, check] : checks_) {
    if (!check->is_due(at, context_.book.upstream({name}).health->under_way() > 0)) continue;
    check->asked();
    spawn(context_.io, "a question whether an upstream is there", ask(name, check));
  }
}

// The health is the one that holds when it is asked: where the configuration is read again meanwhile, the
// answer says nothing of the new one.
Awaitable<void> HealthChecks::ask(std::string name, std::shared_ptr<CheckUp> check) {
  const std::shared_ptr<const Config> config = config_;
  const std::shared_ptr<const Services> services = context_.services;
  const Upstream& upstream = config->upstreams.find(name)->second;
  const std::shared_ptr<Health> health = context_.book.upstream({name}).health;
  const Health::Question asked(health);
  OwnQuestion question{server_key({}, upstream), services->target_of({}, upstream),
                       services->question(upstream, check->path()), longest_answer_, most_of_an_answer};
  const OwnAnswer answer = co_await put(context_, std::move(question));
  if (answer.ended) co_return check->stopped(now());
  const CheckUp::Word word = check->answered(check_answer(answer), health->under_way() > 0, now());
  if (word == CheckUp::Word::there) asked.there();
  if (word == CheckUp::Word::ill) asked.ill(check->away_until());
  if (word == CheckUp::Word::away) asked.away(check->away_until());
}

}  // namespace tasklane
