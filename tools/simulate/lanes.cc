#include "tools/simulate/lanes.h"

#include <utility>

#include "shaper/task/rewarm.h"
#include "tools/modelsim/generation_request.h"
#include "tools/simulate/wire.h"

namespace tasklane::simulate {

Lanes::Lanes(World& world) : world_(world) {
  desk_.rewarm_with([this](const Rewarm& wish) { rewarm(wish); });
}

void Lanes::add_server(const std::string& name, Server& server, std::optional<unsigned> slots,
                       unsigned reserve) {
  servers_[name] = &server;
  if (slots) desk_.admission().use_slots(name, *slots, reserve);
}

Server* Lanes::server(const ServerKey& key) const {
  const auto found = servers_.find(key.name);
  return found == servers_.end() ? nullptr : found->second;
}

Life::Around Lanes::around() {
  return {book_, desk_.admission(), answers_, chats_, statistics_, canonical_, bypass_};
}

void Lanes::chat_answered(const Ticket& ticket, KeptChat kept, const sim::Usage& usage, bool rewarm) {
  const Time now = world_.now();
  const ServerKey server{ticket.upstream};
  const ModelKey model{server, kept.model};
  const Server* const answered = this->server(server);
  const UpstreamFigures figures =
      figures_of(usage, answered != nullptr ? answered->flavour() : sim::Flavour::llama);
  kept.tokens = usage.new_tokens + usage.cached_tokens + usage.generated;
  kept.ended = now;
  book_.slices(model, kept.dialect).chat(figures);
  book_.grafts(model, kept.dialect).other(figures);
  rewarming_.chat_answered(server, ticket.id, ticket.chat, figures, rewarm, now);
  chats_.keep(server, std::make_shared<const KeptChat>(std::move(kept)));
  desk_.chat_ends(ticket.id, now);
}

void Lanes::rewarm(const Rewarm& wish) {
  const ServerKey key{wish.upstream};
  Server* const at = server(key);
  const auto chat = chats_.of(key, world_.now());
  if (at == nullptr || chat == nullptr) return desk_.finished(wish.id, nullptr, world_.now());
  rewarming_.begun(key);
  sim::Work work;
  if (const auto body = rewarm_body(chat->body, chat->dialect, chat->answer.words()))
    if (auto parsed = sim::parse_generation(chat->dialect, *body, at->flavour()))
      work = std::move(parsed->work);
  work.model = chat->model;
  own_[wish.id] =
      std::make_unique<OwnRequest>(OwnRequest::Around{world_, *at, desk_, rewarming_}, wish.id, key, chat,
                                   std::move(work), [this, id = wish.id] { own_.erase(id); });
}

}  // namespace tasklane::simulate
