#include "userspace/serve/slot_probe.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

// A server may have been started anew with another number.
constexpr Duration known_for = std::chrono::minutes(1);
constexpr std::string_view says_its_slots = "llama.cpp";
constexpr unsigned most_slots = 1024;
constexpr int ok = 200;

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

// A question under way, to be ended from outside; among the others while it lives.
class SlotProbe::Asking {
 public:
  explicit Asking(std::set<Asking*>& all) : all_(all) { all_.insert(this); }
  ~Asking() { all_.erase(this); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  void end() {
    dialling->give_up();
    if (upstream) upstream->abort();
  }
  std::shared_ptr<Dialling> dialling = std::make_shared<Dialling>();
  UpstreamPtr upstream;

 private:
  std::set<Asking*>& all_;
};

void SlotProbe::configure() {
  const std::map<std::string, Wanted> before = std::exchange(wanted_, {});
  for (const Target& origin : origins_of(*context_.config))
    for (const auto& [name, upstream] : context_.config->upstreams) {
      Wanted& wanted = wanted_[server_key(origin, upstream)];  // several upstreams may be one server
      if (!wanted.slots) wanted.slots = upstream.slots;
      wanted.reserve = std::max(wanted.reserve, upstream.reserve);
    }
  for (const auto& [server, wanted] : wanted_) use(server);
  for (const auto& [server, wanted] : before)
    if (!wanted_.contains(server)) use(server);
}

void SlotProbe::use(const std::string& server) {
  const auto wanted = wanted_.find(server);
  const Wanted what = wanted == wanted_.end() ? Wanted() : wanted->second;
  const auto learnt = learnt_.find(server);
  context_.lanes.use_slots(server, what.slots.value_or(learnt == learnt_.end() ? 1 : learnt->second),
                           what.reserve);
}

void SlotProbe::learn(const std::string& server, unsigned slots) {
  learnt_[server] = slots;
  use(server);
}

void SlotProbe::answered(const std::string& server, const Target& origin, const Upstream& upstream,
                         std::string_view server_field) {
  if (server_field != says_its_slots) {
    lost(server);
    if (learnt_.erase(server) > 0) use(server);  // another server has come in its place
    return;
  }
  if (const auto wanted = wanted_.find(server); wanted != wanted_.end() && wanted->second.slots) return;
  const auto asked = asked_.find(server);
  if (asked != asked_.end() && now() < asked->second + known_for) return;
  if (paused_) return;
  asked_[server] = now();
  spawn(context_.io, "a question for a server's slots", ask(server, origin, upstream));
}

void SlotProbe::pause(bool on) {
  paused_ = on;
  if (!on) return;
  for (Asking* each : running_) each->end();
}

Awaitable<void> SlotProbe::ask(std::string server, Target origin, Upstream upstream) {
  for (const std::string path : {"/props", "/slots"}) {
    if (paused_) co_return lost(server);
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
  // Shared, for the timer's handler may already be queued when the answer is there.
  const auto asking = std::make_shared<Asking>(running_);
  Timer limit(context_.io.get_executor(), longest_answer_);
  limit.async_wait([asking](const error_code& cancelled) {
    if (!cancelled) asking->end();
  });
  const ReachWishes wishes{.dialling = asking->dialling};
  Result<UpstreamPtr> reached = co_await reach(context_.upstreams, target_of(origin, upstream), wishes);
  if (!reached) co_return std::nullopt;
  const UpstreamPtr connection = asking->upstream = *reached;
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " +
                              (upstream.original ? std::string("localhost") : upstream.authority) +
                              "\r\nConnection: close\r\n\r\n";
  co_await send_all(connection->socket(), request);
  AnswerAssembler said(Dialect::openai_chat, Keep::raw);
  const Collected collected = co_await collect_answer(*connection, said);
  *status = collected.status;
  if (collected.status != ok || !collected.whole) co_return std::nullopt;
  co_return said.raw();
}

}  // namespace tasklane
