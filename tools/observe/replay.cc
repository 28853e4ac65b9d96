#include "tools/observe/replay.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "shaper/decide/decide.h"
#include "shaper/server/book.h"
#include "shaper/task/desk.h"
#include "shaper/task/life.h"
#include "shaper/task/rewarm.h"
#include "shaper/task/rewarming.h"
#include "tools/modelsim/dialect_answer.h"
#include "tools/observe/synthetic.h"
#include "tools/simulate/own_request.h"
#include "tools/simulate/wire.h"
#include "tools/simulate/world.h"

namespace tasklane::observe {
namespace {

using simulate::Server;
using simulate::World;

constexpr const char* some_client = "127.0.0.1";
constexpr std::size_t usual_answer = 40;  // tokens, where no answer said

// As the model would write it: the class's object.
std::string content_of(RequestClass request_class) {
  const AnswerContract& contract = class_row(request_class).contract;
  if (contract.key.empty()) return "an answer";
  const bool plain = contract.value == AnswerContract::Value::text;
  const nlohmann::json value = plain ? nlohmann::json("an answer") : nlohmann::json::array({"an answer"});
  return nlohmann::json{{std::string(contract.key), value}}.dump();
}

struct SimulatedServer {
  std::string name;
  const ServerModel* model = nullptr;
  std::unique_ptr<Server> server;
};

// A request's stay at a server, drawn into its fate as it goes.
class Stay {
 public:
  Stay(Fate& fate, World& world) : fate_(fate), world_(world), since_(world.now()) {}
  void launched() { turn(SpanKind::prefill); }
  void token() {
    if (kind_ != SpanKind::decode) turn(SpanKind::decode);
  }
  void done() { end(kind_); }
  void cancelled() { end(SpanKind::cancelled); }
  [[nodiscard]] bool any_token() const { return kind_ == SpanKind::decode; }

 private:
  void turn(SpanKind next) {
    end(kind_);
    kind_ = next;
    since_ = world_.now();
  }
  void end(SpanKind as) {
    if (world_.now() > since_) fate_.spans.push_back({as, since_, world_.now()});
  }

  Fate& fate_;
  World& world_;
  SpanKind kind_ = SpanKind::queued;
  Time since_;
};

class Host : public World::Part {
 public:
  Host(const Trace& trace, const ReplayOptions& options);
  ReplayResult run();

  [[nodiscard]] std::optional<Time> next() const override {
    return desk_.admission().next_wakeup(world_.now());
  }
  void advance(Time now) override { desk_.tick(now); }

 private:
  class Task;
  // When a request comes: at its own time, or so long after another's arrival or end.
  struct Follower {
    std::size_t place = 0;
    Duration delay{};
  };

  void make_servers();
  void link();
  void link_tasks(std::size_t place, const std::map<Tenant, std::vector<std::size_t>>& chats);
  void schedule(std::size_t place, Duration delay);
  void arrive(std::size_t place);
  void ended(std::size_t place);
  void ask_chat(std::size_t place, Ticket ticket, const std::string& body, SimulatedServer& server);
  void chat_answered(std::size_t place, const Ticket& ticket, SimulatedServer& server, KeptChat kept,
                     const sim::Usage& usage);
  void rewarm(const Rewarm& wish);
  [[nodiscard]] bool ruled(const SocketName& server) const;
  void find_waits();
  [[nodiscard]] std::vector<Hop> hops_of(const Decision& decision, const SimulatedServer& origin) const;
  SimulatedServer& server_of(const ServerKey& key);
  [[nodiscard]] std::size_t answer_tokens(const ObservedRequest& request) const;
  [[nodiscard]] sim::Work work_of(const ObservedRequest& request, sim::GenerationRequest& parsed,
                                  const ServerModel& model) const;

  const Trace& trace_;
  const ReplayOptions& options_;
  Synthetic synthetic_;
  World world_;
  std::map<std::string, SimulatedServer> servers_;
  std::map<SocketName, std::string> names_;
  std::map<std::string, std::string> by_port_;
  std::map<std::string, ServerModel> other_models_;
  BodyReader reader_;
  Desk desk_;
  Book book_;
  AnswerCache answers_;
  Statistics statistics_;
  Canonical canonical_{1, 2};
  Rewarming rewarming_{book_, desk_.admission()};
  bool bypass_ = false;
  std::map<RequestId, std::unique_ptr<Task>> tasks_;
  std::map<RequestId, std::unique_ptr<simulate::OwnRequest>> own_;
  KeptChats chats_;
  std::map<RequestClass, std::size_t> usual_tokens_;
  std::vector<Fate> fates_;
  std::map<std::size_t, std::vector<Follower>> behind_end_, beside_arrival_;
  std::vector<bool> linked_;
};

// Performs what its life says on the simulated servers.
class Host::Task : public WaitingTask {
 public:
  Task(Host& host, std::size_t place, TaskPlan plan, std::vector<Hop> hops)
      : host_(host),
        place_(place),
        id_(plan.ticket.id),
        dialect_(plan.form.dialect),
        life_({host.book_, host.desk_.admission(), host.answers_, host.chats_, host.statistics_,
               host.canonical_, host.bypass_},
              std::move(plan), std::move(hops)) {}

  void on_start() override {
    end_held();
    life_.started();
    told();
  }
  void on_share() override {
    life_.shared();
    told();
  }
  void on_cancel() override {
    ++fate().cancelled;
    life_.cancelled();
    told();
  }
  void on_answer(AnswerKind kind, const std::string& text) override {
    life_.answered(kind, text);
    told();
  }
  void on_result(std::shared_ptr<const TaskResult> result) override {
    life_.given(std::move(result), host_.world_.now());
    told();
  }
  void client_left() {
    if (finished_) return;
    fate().left = true;
    life_.client_left(host_.desk_.client_gone(id_, host_.world_.now()));
    told();
  }

  void told() {
    if (std::exchange(performing_, true)) return;
    while (perform(life_.next(host_.world_.now()))) {
    }
    performing_ = false;
  }

 private:
  Fate& fate() { return host_.fates_[place_]; }
  void begin_held() { held_since_ = host_.world_.now(); }
  void end_held() {
    if (!held_since_) return;
    if (host_.world_.now() > *held_since_)
      fate().spans.push_back({SpanKind::held, *held_since_, host_.world_.now()});
    held_since_.reset();
  }

  // False: it waits, or is at its end.
  bool perform(Effect due) {
    if (auto* enter = std::get_if<effect::EnterLane>(&due)) {
      fate().lane = enter->ticket.lane;
      begin_held();
      host_.desk_.arrive(std::move(enter->ticket), *this, host_.world_.now());
    } else if (auto* leave = std::get_if<effect::LeaveLane>(&due)) {
      host_.desk_.finished(id_, leave->result, host_.world_.now());
    } else if (auto* dial = std::get_if<effect::Dial>(&due)) {
      server_ = &host_.server_of(dial->hop->server);
      life_.dialled(std::nullopt, host_.world_.now());
    } else if (auto* send = std::get_if<effect::Send>(&due)) {
      submit(*send);
    } else if (std::holds_alternative<effect::StopUpstream>(due)) {
      server_->server->close(running_);
      if (stay_) stay_->cancelled();
      stay_.reset();
      begin_held();
      life_.replied({}, AnswerAssembler(dialect_), host_.world_.now());
    } else if (auto* done = std::get_if<effect::Done>(&due)) {
      finish(*done);
      return false;
    } else {
      return false;
    }
    return true;
  }

  void submit(const effect::Send& send) {
    end_held();
    auto parsed = sim::parse_generation(send.dialect, send.body, server_->model->engine.flavour);
    if (!parsed) {
      life_.replied({}, AnswerAssembler(dialect_), host_.world_.now());
      return;
    }
    const ObservedRequest& request = host_.trace_.requests[place_];
    sim::Work work = host_.work_of(request, *parsed, *server_->model);
    stay_.emplace(fate(), host_.world_);
    fate().server = server_->name;
    running_ = server_->server->submit(
        std::move(work), {[this] { stay_->token(); },
                          [this, keep = send.keep, dialect = send.dialect, said = std::move(*parsed),
                           request_class = request.request_class()](const sim::Usage& usage) {
                            stay_->done();
                            stay_.reset();
                            AnswerAssembler assembler(dialect, keep);
                            const sim::Flavour flavour = server_->model->engine.flavour;
                            assembler.feed(sim::stream_piece(said, 1, content_of(request_class)) +
                                           sim::stream_end(said, 1, usage, flavour));
                            assembler.finish();
                            life_.replied({true, true, false, 200, sim::stream_content_type(said), {}},
                                          assembler, host_.world_.now());
                            told();
                          },
                          [this] { stay_->launched(); }});
  }

  void finish(const effect::Done& done) {
    end_held();
    finished_ = true;
    const Time now = host_.world_.now();
    fate().ended = now;
    if (done.answer && !fate().left) {
      fate().first_token = now;
      fate().without_model = !life_.asked() || fate().server.empty();
    }
    host_.desk_.leave(id_);
    host_.ended(place_);
    host_.world_.after(Duration::zero(), [&host = host_, id = id_] { host.tasks_.erase(id); });
  }

  Host& host_;
  std::size_t place_;
  RequestId id_;
  Dialect dialect_;
  Life life_;
  SimulatedServer* server_ = nullptr;
  std::uint64_t running_ = 0;  // the server's number
  std::optional<Stay> stay_;
  std::optional<Time> held_since_;
  bool performing_ = false;
  bool finished_ = false;
};

Host::Host(const Trace& trace, const ReplayOptions& options)
    : trace_(trace), options_(options), synthetic_(trace) {
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
  linked_.resize(trace.requests.size());
  desk_.rewarm_with([this](const Rewarm& wish) { rewarm(wish); });
  world_.add(*this);
  link();
}

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
    desk_.admission().use_slots(name, wanted.value_or(server.model->engine.slots), reserve);
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
    desk_.admission().use_slots(name, upstream.slots.value_or(model.engine.slots), upstream.reserve);
  }
}

// A chat's next turn comes as long after the answer as it did; a task as long after its chat's answer, or
// beside its chat.
void Host::link() {
  std::map<RequestId, std::size_t> places;
  std::map<Tenant, std::vector<std::size_t>> chats;
  for (std::size_t i = 0; i < trace_.requests.size(); ++i) {
    places[trace_.requests[i].id] = i;
    if (trace_.requests[i].request_class() == RequestClass::chat)
      chats[trace_.requests[i].found.tenant].push_back(i);
  }
  for (std::size_t i = 0; i < trace_.requests.size(); ++i) {
    const ObservedRequest& request = trace_.requests[i];
    if (request.request_class() != RequestClass::chat) {
      link_tasks(i, chats);
      continue;
    }
    const auto before = request.prefix ? places.find(request.prefix->earlier) : places.end();
    if (before == places.end() || before->second >= i) continue;
    const ObservedRequest& earlier = trace_.requests[before->second];
    if (*earlier.ended > request.whole) continue;
    behind_end_[before->second].push_back({i, request.whole - *earlier.ended});
    linked_[i] = true;
  }
}

void Host::link_tasks(std::size_t place, const std::map<Tenant, std::vector<std::size_t>>& chats) {
  constexpr Duration beside = std::chrono::milliseconds(400), behind = std::chrono::minutes(2);
  const ObservedRequest& task = trace_.requests[place];
  const auto found = chats.find(task.found.tenant);
  if (found == chats.end()) return;
  // The chats around it, nearest first.
  const auto after = std::lower_bound(found->second.begin(), found->second.end(), place);
  if (after != found->second.end() && trace_.requests[*after].whole - task.whole <= beside) {
    beside_arrival_[*after].push_back({place, task.whole - trace_.requests[*after].whole});
    linked_[place] = true;
    return;
  }
  if (after == found->second.begin()) return;
  const std::size_t chat = *std::prev(after);
  const ObservedRequest& before = trace_.requests[chat];
  if (task.whole - before.whole <= beside) {
    beside_arrival_[chat].push_back({place, task.whole - before.whole});
    linked_[place] = true;
  } else if (*before.ended <= task.whole && task.whole - *before.ended <= behind) {
    behind_end_[chat].push_back({place, task.whole - *before.ended});
    linked_[place] = true;
  }
}

// Together with what comes beside it, which may come a moment earlier.
void Host::schedule(std::size_t place, Duration delay) {
  world_.after(delay, [this, place] { arrive(place); });
  if (const auto beside = beside_arrival_.find(place); beside != beside_arrival_.end())
    for (const Follower& each : beside->second)
      world_.after(std::max(delay + each.delay, Duration{}), [this, at = each.place] { arrive(at); });
}

void Host::ended(std::size_t place) {
  if (const auto behind = behind_end_.find(place); behind != behind_end_.end())
    for (const Follower& each : behind->second) schedule(each.place, each.delay);
}

ReplayResult Host::run() {
  if (trace_.requests.empty()) return {};
  const Time zero = trace_.requests.front().whole;
  for (std::size_t i = 0; i < trace_.requests.size(); ++i)
    if (!linked_[i]) schedule(i, trace_.requests[i].whole - zero);
  constexpr Duration long_enough = std::chrono::hours(24 * 400);
  world_.run(long_enough);
  find_waits();
  ReplayResult result;
  for (Fate& fate : fates_)
    if (fate.id != 0) result.fates.push_back(std::move(fate));
  result.lanes = desk_.admission().counters();
  result.rewarm = desk_.admission().rewarm_counters();
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

SimulatedServer& Host::server_of(const ServerKey& key) { return servers_.at(key.name); }

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
      auto task = std::make_unique<Task>(*this, place, std::move(*plan), hops_of(decision, server));
      Task& begun = *(tasks_[request.id] = std::move(task));
      if (request.how == Ending::client_left)
        world_.after(*request.ended - request.whole, [this, id = request.id] {
          if (const auto waiting = tasks_.find(id); waiting != tasks_.end()) waiting->second->client_left();
        });
      return begun.told();
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

void Host::ask_chat(std::size_t place, Ticket ticket, const std::string& body, SimulatedServer& server) {
  const ObservedRequest& request = trace_.requests[place];
  Fate& fate = fates_[place];
  fate.server = server.name;
  const Endpoint endpoint = endpoint_of("POST", Synthetic::path(request));
  auto parsed = sim::parse_generation(endpoint.dialect, body, server.model->engine.flavour);
  if (!parsed) return;
  if (ruled(request.server)) desk_.chat_begins(ticket, world_.now());
  const auto stay = std::make_shared<Stay>(fate, world_);
  KeptChat kept{body, "", endpoint.dialect, request.model, request.found.tenant, ticket.chat};
  kept.arrived = world_.now();
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
    if (ruled(trace_.requests[place].server)) desk_.chat_ends(ticket.id, world_.now());
    ended(place);
  });
}

void Host::chat_answered(std::size_t place, const Ticket& ticket, SimulatedServer& server, KeptChat kept,
                         const sim::Usage& usage) {
  if (ruled(trace_.requests[place].server)) {
    const UpstreamFigures figures = simulate::figures_of(usage);
    const ModelKey model{{server.name}, kept.model};
    if (const PromptPart* const quoted = synthetic_.quoted_answer(trace_.requests[place]); quoted != nullptr)
      kept.answer = Synthetic::text(*quoted, server.model->bytes_per_token);
    kept.tokens = usage.new_tokens + usage.cached_tokens + usage.generated;
    kept.ended = world_.now();
    book_.slices(model, kept.dialect).chat(figures);
    book_.grafts(model, kept.dialect).other(figures);
    rewarming_.chat_answered({server.name}, ticket.id, ticket.chat, figures,
                             options_.config->original().rewarm, world_.now());
    chats_.keep({server.name}, std::make_shared<const KeptChat>(std::move(kept)));
    desk_.chat_ends(ticket.id, world_.now());
  }
  ended(place);
}

void Host::rewarm(const Rewarm& wish) {
  const auto server = servers_.find(wish.upstream);
  const auto chat = chats_.of({wish.upstream}, world_.now());
  if (server == servers_.end() || chat == nullptr) return desk_.finished(wish.id, nullptr, world_.now());
  rewarming_.begun({wish.upstream});
  sim::Work work;
  if (const auto body = rewarm_body(chat->body, chat->dialect, chat->answer))
    if (auto parsed = sim::parse_generation(chat->dialect, *body, server->second.model->engine.flavour))
      work = std::move(parsed->work);
  work.model = chat->model;
  own_[wish.id] = std::make_unique<simulate::OwnRequest>(
      simulate::OwnRequest::Around{world_, *server->second.server, desk_, rewarming_}, wish.id,
      ServerKey{wish.upstream}, chat, std::move(work), [this, id = wish.id] { own_.erase(id); });
}

// Tasks that a server had in hand between a chat's arrival and its first token.
void Host::find_waits() {
  struct Work {
    Time from, to;
    RequestId id;
  };
  std::map<std::string, std::vector<Work>> work;
  for (std::size_t i = 0; i < fates_.size(); ++i)
    if (const Fate& fate = fates_[i]; fate.id != 0 && is_task(trace_.requests[i].request_class()))
      for (const Span& span : fate.spans)
        if (span.kind != SpanKind::held) work[fate.server].push_back({span.from, span.to, fate.id});
  for (auto& [server, list] : work)
    std::sort(list.begin(), list.end(), [](const Work& a, const Work& b) { return a.from < b.from; });
  constexpr Duration longest = std::chrono::minutes(10);
  for (std::size_t i = 0; i < fates_.size(); ++i) {
    Fate& chat = fates_[i];
    if (chat.id == 0 || !chat.first_token || trace_.requests[i].request_class() != RequestClass::chat)
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

std::string_view to_text(SpanKind kind) {
  constexpr std::array<std::string_view, 5> names{"held", "queued", "prefill", "decode", "cancelled"};
  return names.at(static_cast<std::size_t>(kind));
}

ReplayResult replay(const Trace& trace, const ReplayOptions& options) { return Host(trace, options).run(); }

}  // namespace tasklane::observe
