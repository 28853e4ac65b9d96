#include "userspace/serve/slot_probe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "userspace/serve/own_question.h"
#include "userspace/serve/target.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

// A server may have been started anew with another number.
constexpr Duration known_for = std::chrono::minutes(1);
constexpr std::string_view says_its_slots = "llama.cpp";
constexpr unsigned most_slots = 1024;

// As /props says it; /slots lists them.
std::optional<unsigned> slots_in(const std::string& said) {
  const nlohmann::json json = nlohmann::json::parse(said, nullptr, false);
  if (json.is_array()) return static_cast<unsigned>(std::min<std::size_t>(json.size(), most_slots));
  if (!json.is_object() || !json.contains("total_slots") || !json["total_slots"].is_number_unsigned())
    return std::nullopt;
  return static_cast<unsigned>(std::min<std::uint64_t>(json["total_slots"].get<std::uint64_t>(), most_slots));
}

// Everywhere a client may have wanted to go.
std::vector<Target> origins_of(const Config& config) {
  std::vector<Target> origins;
  for (const Intercept& intercept : config.intercept) {
    Target origin;
    origin.steered = true;
    origin.destination.port(intercept.port);
    origins.push_back(origin);
  }
  for (const Listen& listen : config.listen) {
    Target origin;
    origin.host = listen.to_host;
    origin.port = listen.to_port;
    origins.push_back(origin);
  }
  return origins;
}

}  // namespace

void SlotProbe::configure() {
  const std::vector<ServerKey> before = context_.book.with_slots();
  context_.book.forget_wanted_slots();
  for (const Target& origin : origins_of(*context_.config))
    for (const auto& [name, upstream] : context_.config->upstreams) {
      SlotsSeen& slots = context_.book.slots(server_key(origin, upstream));
      if (!slots.wanted) slots.wanted = upstream.slots;  // several upstreams may be one server
      slots.reserve = std::max(slots.reserve, upstream.reserve);
      slots.named = true;
    }
  for (const ServerKey& server : before) use(server);
  for (const ServerKey& server : context_.book.with_slots()) use(server);
}

void SlotProbe::use(const ServerKey& server) {
  const SlotsSeen& slots = context_.book.slots(server);
  context_.lanes.use_slots(server.name, slots.count(), slots.reserve);
}

void SlotProbe::learn(const ServerKey& server, unsigned slots) {
  context_.book.slots(server).learnt = slots;
  use(server);
}

void SlotProbe::answered(const ServerKey& server, const Target& origin, const Upstream& upstream,
                         std::string_view server_field) {
  if (server_field != says_its_slots) {
    lost(server);
    if (std::exchange(context_.book.slots(server).learnt, std::nullopt))
      use(server);  // another server has come in its place
    return;
  }
  SlotsSeen& slots = context_.book.slots(server);
  if (context_.own.paused() || slots.wanted || (slots.asked && now() < *slots.asked + known_for)) return;
  slots.asked = now();
  spawn(context_.io, "a question for a server's slots", ask(server, origin, upstream));
}

Awaitable<void> SlotProbe::ask(ServerKey server, Target origin, Upstream upstream) {
  for (const std::string path : {"/props", "/slots"}) {
    if (context_.own.paused()) co_return lost(server);
    int status = 0;
    const std::optional<std::string> said = co_await get(path, origin, upstream, &status);
    if (status == 0) co_return lost(server);
    const std::optional<unsigned> slots = said ? slots_in(*said) : std::nullopt;
    if (slots) co_return learn(server, *slots);
  }
  learn(server, 1);  // it wants a key, or is too old to say
}

// Its body, where all of it came with status 200. Status 0: it did not answer.
Awaitable<std::optional<std::string>> SlotProbe::get(const std::string& path, const Target& origin,
                                                     const Upstream& upstream, int* status) {
  const std::string host = upstream.original ? "localhost" : upstream.authority;
  OwnQuestion question{server_key(origin, upstream), target_of(origin, upstream), question_head(path, host),
                       longest_answer_};
  OwnAnswer said = co_await put(context_, std::move(question));
  *status = said.status;
  if (!said.whole) co_return std::nullopt;
  co_return std::move(said.body);
}

}  // namespace tasklane
