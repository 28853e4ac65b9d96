#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "shaper/decide/decide.h"
#include "tools/observe/replay_host.h"

namespace tasklane::observe {
namespace {

constexpr std::size_t usual_answer = 40;  // tokens, where no answer said

// Tasks that a server had in hand between a chat's arrival and its first token.
void find_waits(const Trace& trace, std::vector<Fate>& fates) {
  struct Work {
    Time from, to;
    RequestId id;
  };
  std::map<std::string, std::vector<Work>> work;
  for (std::size_t i = 0; i < fates.size(); ++i)
    if (const Fate& fate = fates[i]; fate.id != 0 && is_task(trace.requests[i].request_class()))
      for (const Span& span : fate.spans)
        if (span.kind != SpanKind::held) work[fate.server].push_back({span.from, span.to, fate.id});
  for (auto& [server, list] : work)
    std::sort(list.begin(), list.end(), [](const Work& a, const Work& b) { return a.from < b.from; });
  constexpr Duration longest = std::chrono::minutes(10);
  for (std::size_t i = 0; i < fates.size(); ++i) {
    Fate& chat = fates[i];
    if (chat.id == 0 || !chat.first_token || trace.requests[i].request_class() != RequestClass::chat)
      continue;
    const std::vector<Work>& list = work[chat.server];
    auto each = std::lower_bound(list.begin(), list.end(), chat.arrived - longest,
                                 [](const Work& one, Time at) { return one.from < at; });
    std::map<RequestId, Duration> together;
    for (; each != list.end() && each->from < *chat.first_token; ++each) {
      const Duration both = std::min(each->to, *chat.first_token) - std::max(each->from, chat.arrived);
      if (both > Duration{}) together[each->id] += both;
    }
    chat.behind.assign(together.begin(), together.end());
  }
}

}  // namespace

Host::Host(const Trace& trace, const ReplayOptions& options)
    : trace_(trace), options_(options), order_(trace), synthetic_(trace) {
  std::map<RequestClass, std::pair<std::uint64_t, std::uint64_t>> said;
  for (const ObservedRequest& request : trace.requests)
    if (request.figures.generated_tokens && request.answered()) {
      said[request.request_class()].first += *request.figures.generated_tokens;
      ++said[request.request_class()].second;
    }
  for (const auto& [request_class, sums] : said)
    usual_tokens_[request_class] = std::max<std::size_t>(1, sums.first / sums.second);
  make_servers();
  fates_.resize(trace.requests.size());
  world_.add(lanes_);
}

Host::~Host() = default;

void Host::make_servers() {
  std::vector<ObservedRequest> none;
  std::map<std::uint16_t, unsigned> on_port;
  for (const auto& [name, model] : options_.servers) {
    const unsigned count = ++on_port[name.port];
    const std::string text =
        std::to_string(name.port) + (count > 1 ? " (" + std::to_string(count) + ")" : "");
    names_[name] = text;
    servers_[text] = {text, &model, std::make_unique<Server>(world_, model.engine)};
  }
  const unsigned reserve = options_.config == nullptr ? 0 : options_.config->original().reserve;
  for (auto& [name, server] : servers_) {
    const std::optional<unsigned> wanted =
        options_.config == nullptr ? std::nullopt : options_.config->original().slots;
    lanes_.add_server(name, *server.server, wanted.value_or(server.model->engine.slots), reserve);
  }
  if (options_.config == nullptr || servers_.empty()) return;
  for (const auto& [name, upstream] : options_.config->upstreams) {
    if (upstream.original) continue;
    const std::string port = std::to_string(upstream.port);
    if (servers_.count(port) > 0) {
      by_port_[name] = port;
      continue;
    }
    ServerModel& model = other_models_[name] = *servers_.begin()->second.model;
    model.engine.prefill_rate *= options_.other_upstreams;
    model.engine.decode_rate *= options_.other_upstreams;
    by_port_[name] = name;
    servers_[name] = {name, &model, std::make_unique<Server>(world_, model.engine)};
    lanes_.add_server(name, *servers_[name].server, upstream.slots.value_or(model.engine.slots),
                      upstream.reserve);
  }
}

// Together with what comes beside it, which may come a moment earlier.
void Host::schedule(std::size_t place, Duration delay) {
  world_.after(delay, [this, place] { arrive(place); });
  for (const ReplayOrder::Follower& each : order_.beside(place))
    world_.after(std::max(delay + each.delay, Duration{}), [this, at = each.place] { arrive(at); });
}

void Host::ended(std::size_t place) {
  for (const ReplayOrder::Follower& each : order_.behind(place)) schedule(each.place, each.delay);
}

ReplayResult Host::run() {
  if (trace_.requests.empty()) return {};
  const Time zero = trace_.requests.front().whole;
  for (std::size_t i = 0; i < trace_.requests.size(); ++i)
    if (order_.by_itself(i)) schedule(i, trace_.requests[i].whole - zero);
  constexpr Duration long_enough = std::chrono::hours(24 * 400);
  world_.run(long_enough);
  find_waits(trace_, fates_);
  ReplayResult result;
  for (Fate& fate : fates_)
    if (fate.id != 0) result.fates.push_back(std::move(fate));
  result.lanes = lanes_.admission().counters();
  result.rewarm = lanes_.admission().rewarm_counters();
  result.grafted = lanes_.counters().grafted;
  for (const auto& [name, server] : servers_) {
    result.requests_at[name] = server.server->requests();
    result.computed_tokens_at[name] = server.server->prompt_tokens();
    result.computed_tokens += server.server->prompt_tokens();
  }
  return result;
}

std::size_t Host::answer_tokens(const ObservedRequest& request) const {
  if (request.answered() && request.figures.generated_tokens)
    return std::max<std::uint64_t>(1, *request.figures.generated_tokens);
  const auto usual = usual_tokens_.find(request.request_class());
  return usual == usual_tokens_.end() ? usual_answer : usual->second;
}

sim::Work Host::work_of(const ObservedRequest& request, sim::GenerationRequest& parsed,
                        const ServerModel& model) const {
  sim::Work work = std::move(parsed.work);
  work.model = request.model;
  work.answer.assign(answer_tokens(request), "word");
  if (const PromptPart* const quoted = synthetic_.quoted_answer(request);
      quoted != nullptr && model.keeps_answers)
    sim::append_tokens(work.quoted, Synthetic::text(*quoted, model.bytes_per_token));
  return work;
}

// Rules hold for the ports that they name; where none of them was seen, for all.
bool Host::ruled(const SocketName& server) const {
  if (options_.config == nullptr) return false;
  const auto names = [&](std::uint16_t port) {
    const auto& ports = options_.config->intercept;
    return std::any_of(ports.begin(), ports.end(), [&](const Intercept& each) { return each.port == port; });
  };
  return names(server.port) || std::none_of(options_.servers.begin(), options_.servers.end(),
                                            [&](const auto& each) { return names(each.first.port); });
}

std::vector<Hop> Host::hops_of(const Decision& decision, const SimulatedServer& origin) const {
  std::vector<Hop> hops;
  for (const Upstream* upstream : decision.route) {
    const auto other = by_port_.find(upstream->name);
    const std::string name = upstream->original || other == by_port_.end() ? origin.name : other->second;
    const bool beside = !upstream->original && !upstream->own_compute;
    hops.push_back({upstream, {name}, beside ? origin.name : std::string()});
  }
  return hops;
}

void Host::arrive(std::size_t place) {
  const ObservedRequest& request = trace_.requests[place];
  const auto name = names_.find(request.server);
  if (name == names_.end() || !has_prompt(request.endpoint) || request.prompt.parts.empty()) return;
  SimulatedServer& server = servers_.at(name->second);
  Fate& fate = fates_[place];
  fate.id = request.id;
  fate.arrived = world_.now();
  const std::string text = synthetic_.body(request, server.model->bytes_per_token);
  RequestHead head;
  head.method = "POST";
  head.target = Synthetic::path(request);
  const Endpoint endpoint = endpoint_of(head.method, head.target);
  const BodyFacts& body = reader_.read(text, endpoint.dialect);
  Classification found = request.found;
  found.chat =
      request.request_class() == RequestClass::chat ? Synthetic::conversation(request) : Conversation();
  const std::string client = address_text(request.client.address);
  if (ruled(request.server)) {
    const Decision decision =
        decide(*options_.config, {head, endpoint, &body, request.bytes_up, found, client});
    if (std::optional<TaskPlan> plan = plan_task({request.id, endpoint, &body, found, decision, client})) {
      auto task = std::make_unique<ReplayTask>(*this, place, std::move(*plan), hops_of(decision, server));
      ReplayTask& begun = *(tasks_[request.id] = std::move(task));
      if (request.how == Ending::client_left)
        world_.after(*request.ended - request.whole, [this, id = request.id] {
          if (const auto waiting = tasks_.find(id); waiting != tasks_.end()) waiting->second->client_leaves();
        });
      return begun.begin();
    }
    if (!decision.route.front()->original) {
      const auto other = by_port_.find(decision.route.front()->name);
      if (other != by_port_.end())
        return ask_chat(place, chat_ticket(request.id, found, &body, other->second), text,
                        servers_.at(other->second));
    }
  }
  ask_chat(place, chat_ticket(request.id, found, &body, server.name), text, server);
}

void Host::ask_chat(std::size_t place, const Ticket& ticket, const std::string& body,
                    SimulatedServer& server) {
  const ObservedRequest& request = trace_.requests[place];
  Fate& fate = fates_[place];
  fate.server = server.name;
  const Endpoint endpoint = endpoint_of("POST", Synthetic::path(request));
  auto parsed = sim::parse_generation(endpoint.dialect, body, server.model->engine.flavour);
  if (!parsed) return;
  if (ruled(request.server)) lanes_.desk().chat_begins(ticket, world_.now());
  const auto stay = std::make_shared<Stay>(fate, world_);
  KeptChat kept{body, {}, endpoint.dialect, request.model, request.found.tenant, ticket.chat};
  kept.arrived = world_.now();
  kept.first_words = request.found.first_words();
  lanes_.chat_came(kept.first_words, request.found.newcomer.known());
  const auto over = std::make_shared<bool>(false);
  const std::uint64_t running = server.server->submit(
      work_of(request, *parsed, *server.model),
      {[this, stay, place, &server] {
         if (!stay->any_token()) fates_[place].first_token = world_.now() + server.model->overhead;
         stay->token();
       },
       [this, stay, place, ticket, kept = std::move(kept), over, &server](const sim::Usage& usage) {
         *over = true;
         stay->done();
         fates_[place].ended = world_.now() + server.model->overhead;
         if (!trace_.requests[place].stream) fates_[place].first_token = fates_[place].ended;
         chat_answered(place, ticket, server, kept, usage);
       },
       [stay] { stay->launched(); }});
  if (request.how != Ending::client_left) return;
  world_.after(*request.ended - request.whole, [this, stay, place, ticket, over, running, &server] {
    if (*over) return;
    server.server->close(running);
    stay->cancelled();
    fates_[place].left = true;
    fates_[place].ended = world_.now();
    if (ruled(trace_.requests[place].server)) lanes_.desk().chat_ends(ticket.id, world_.now());
    ended(place);
  });
}

void Host::chat_answered(std::size_t place, const Ticket& ticket, SimulatedServer& server, KeptChat kept,
                         const sim::Usage& usage) {
  if (ruled(trace_.requests[place].server)) {
    if (const PromptPart* const quoted = synthetic_.quoted_answer(trace_.requests[place]); quoted != nullptr)
      kept.answer = KeptAnswer(Synthetic::text(*quoted, server.model->bytes_per_token));
    lanes_.chat_answered(ticket, std::move(kept), usage, options_.config->original().rewarm);
  }
  ended(place);
}

std::string_view to_text(SpanKind kind) {
  constexpr std::array<std::string_view, 5> names{"held", "queued", "prefill", "decode", "cancelled"};
  return names.at(static_cast<std::size_t>(kind));
}

ReplayResult replay(const Trace& trace, const ReplayOptions& options) { return Host(trace, options).run(); }

}  // namespace tasklane::observe
