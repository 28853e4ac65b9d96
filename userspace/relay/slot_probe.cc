#include "userspace/relay/slot_probe.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <nlohmann/json.hpp>

#include "userspace/relay/answer_collector.h"
#include "userspace/relay/reach.h"

namespace tasklane {
namespace {

// A server may have been started anew with another number.
constexpr Duration known_for = std::chrono::minutes(1);
constexpr std::string_view says_its_slots = "llama.cpp";

std::optional<unsigned> slots_in(const std::string& properties) {
  const nlohmann::json json = nlohmann::json::parse(properties, nullptr, false);
  if (!json.is_object() || !json.contains("total_slots") || !json["total_slots"].is_number_unsigned())
    return std::nullopt;
  return json["total_slots"].get<unsigned>();
}

}  // namespace

void SlotProbe::answered(const std::string& server, const Origin& origin, const Upstream& upstream,
                         std::string_view server_field) {
  if (upstream.slots) return context_.lanes.admission().use_slots(server, *upstream.slots, upstream.reserve);
  if (server_field != says_its_slots) return;
  const auto asked = asked_.find(server);
  if (asked != asked_.end() && now() < asked->second + known_for) return;
  asked_[server] = now();
  asio::co_spawn(context_.io, ask(server, origin, upstream), asio::detached);
}

void SlotProbe::stop() {
  for (const UpstreamPtr& upstream : running_) upstream->abort();
}

Awaitable<void> SlotProbe::ask(std::string server, Origin origin, Upstream upstream) {
  Result<UpstreamPtr> reached = co_await reach(context_, origin, upstream, false);
  if (!reached) co_return;
  const UpstreamPtr connection = *reached;
  running_.insert(connection);
  const std::string request =
      "GET /props HTTP/1.1\r\nHost: " + (upstream.original ? std::string("localhost") : upstream.authority) +
      "\r\nConnection: close\r\n\r\n";
  co_await send_all(connection->socket(), request);
  AnswerAssembler properties(Dialect::openai_chat, Keep::raw);
  const Collected collected = co_await collect_answer(*connection, properties);
  running_.erase(connection);
  if (collected.status != 200 || !collected.whole) co_return;
  if (const std::optional<unsigned> slots = slots_in(properties.raw()))
    context_.lanes.admission().use_slots(server, *slots, upstream.reserve);
}

}  // namespace tasklane
