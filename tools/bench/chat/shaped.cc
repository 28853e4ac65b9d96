#include "tools/bench/chat/shaped.h"

#include <stdexcept>
#include <utility>

#include "shaper/classify/pack.h"
#include "shaper/decide/decide.h"
#include "shaper/task/rewarm.h"
#include "tools/bench/chat/watch.h"
#include "tools/bench/chat/wire_text.h"
#include "tools/modelsim/dialect_answer.h"
#include "tools/simulate/wire.h"

namespace tasklane::bench {
namespace {

constexpr const char* client = "127.0.0.1";
const ServerKey model_server{"model"};

std::vector<std::shared_ptr<const Pack>> packs_of(const Config& config) {
  auto packs = find_packs(config.packs, {});
  if (!packs) throw std::runtime_error(packs.error().text());
  return std::move(*packs);
}

// A request's body, as the simulated server reads it.
sim::GenerationRequest read_by_server(const std::string& body) {
  auto request = sim::parse_generation(Dialect::openai_chat, body, sim::Flavour::llama);
  if (!request) throw std::runtime_error(request.error().text());
  return std::move(*request);
}

// As the model would write it: the class's object.
std::string content_of(const Asked& asked) {
  const AnswerContract& contract = class_row(asked.request_class).contract;
  const bool plain = contract.value == AnswerContract::Value::text;
  const nlohmann::json text = text_of(asked);
  const nlohmann::json value = plain ? text : nlohmann::json::array({text});
  return nlohmann::json{{std::string(contract.key), value}}.dump();
}

}  // namespace

// Performs what its life says on the simulated servers.
class Shaped::Task : public WaitingTask {
 public:
  Task(Shaped& front, Asked asked, Done done, TaskPlan plan, std::vector<Hop> hops)
      : front_(front),
        asked_(std::move(asked)),
        done_(std::move(done)),
        arrived_(front.world_.now()),
        id_(plan.ticket.id),
        life_({front.book_, front.desk_.admission(), front.answers_, front.chats_, front.statistics_,
               front.canonical_, front.bypass_},
              std::move(plan), std::move(hops)) {}

  void on_start() override {
    life_.started();
    told();
  }
  void on_share() override {
    life_.shared();
    told();
  }
  void on_cancel() override {
    life_.cancelled();
    told();
  }
  void on_answer(AnswerKind kind, const std::string& text) override {
    life_.answered(kind, text);
    told();
  }
  void on_result(std::shared_ptr<const TaskResult> result) override {
    life_.given(std::move(result), front_.world_.now());
    told();
  }

  // All that is due.
  void told() {
    if (std::exchange(performing_, true)) return;
    while (perform(life_.next(front_.world_.now()))) {
    }
    performing_ = false;
  }

 private:
  // False: it waits, or is at its end.
  bool perform(Effect due) {
    if (auto* enter = std::get_if<effect::EnterLane>(&due)) {
      front_.desk_.arrive(std::move(enter->ticket), *this, front_.world_.now());
    } else if (auto* leave = std::get_if<effect::LeaveLane>(&due)) {
      front_.desk_.finished(id_, leave->result, front_.world_.now());
    } else if (auto* dial = std::get_if<effect::Dial>(&due)) {
      server_ = dial->hop->server == model_server ? &front_.model_ : front_.task_;
      life_.dialled(server_ == nullptr ? std::optional<std::string>("there is none") : std::nullopt,
                    front_.world_.now());
    } else if (auto* send = std::get_if<effect::Send>(&due)) {
      submit(*send);
    } else if (std::holds_alternative<effect::StopUpstream>(due)) {
      server_->close(running_);
      life_.replied({}, AnswerAssembler(life_.plan().form.dialect), front_.world_.now());
    } else if (auto* done = std::get_if<effect::Done>(&due)) {
      finish(*done);
      return false;
    } else {
      return false;
    }
    return true;
  }

  void submit(const effect::Send& send) {
    sim::GenerationRequest request = read_by_server(send.body);
    sim::Work work = request.work;
    running_ = server_->submit(std::move(work), asked_.answer_tokens,
                               {{},
                                [this, keep = send.keep, dialect = send.dialect,
                                 said = std::move(request)](const sim::Usage& usage) {
                                  AnswerAssembler assembler(dialect, keep);
                                  const std::string text =
                                      sim::stream_piece(said, 1, content_of(asked_)) +
                                      sim::stream_end(said, 1, usage, sim::Flavour::llama);
                                  assembler.feed(text);
                                  assembler.finish();
                                  life_.replied({true, true, false, 200, sim::stream_content_type(said), {}},
                                                assembler, front_.world_.now());
                                  told();
                                }});
  }

  void finish(const effect::Done& done) {
    Outcome outcome;
    outcome.total = outcome.first_token = front_.world_.now() - arrived_;
    if (done.answer) outcome.text = task_text(done.answer->body);
    front_.desk_.leave(id_);
    front_.classifier_.ended(id_, front_.world_.now());
    front_.world_.after(Duration::zero(), [&front = front_, id = id_] { front.tasks_.erase(id); });
    const Done tell = std::move(done_);
    tell(outcome);
  }

  Shaped& front_;
  Asked asked_;
  Done done_;
  Time arrived_;
  RequestId id_;
  Life life_;
  Server* server_ = nullptr;
  std::uint64_t running_ = 0;  // the server's number
  bool performing_ = false;
};

Shaped::Shaped(World& world, Server& model, Server* task, const Config& config, unsigned slots)
    : world_(world),
      model_(model),
      task_(task),
      config_(config),
      classifier_(packs_of(config)),
      rewarming_(book_, desk_.admission()) {
  desk_.admission().use_slots(model_server.name, slots);
  desk_.rewarm_with([this](const Rewarm& wish) { rewarm(wish); });
  world_.add(*this);
}

Shaped::~Shaped() = default;

std::vector<Hop> Shaped::hops_of(const Decision& decision) const {
  std::vector<Hop> hops;
  for (const Upstream* upstream : decision.route)
    hops.push_back({upstream, upstream->original ? model_server : ServerKey{"task"}, {}});
  return hops;
}

void Shaped::ask(Asked asked, Done done) {
  const simulate::WireRequest request = simulate::read_request(wire_request(asked, said_[asked.chat]));
  const Endpoint endpoint = endpoint_of(request.head.method, request.head.target);
  const BodyFacts& body = reader_.read(request.body, endpoint.dialect);
  const RequestId id = ++last_id_;
  const Classification classification =
      classifier_.classify({id, request.head, endpoint, &body, client, world_.now(), false});
  const Decision decision =
      decide(config_, {request.head, endpoint, &body, request.body.size(), classification, client});
  std::optional<TaskPlan> plan = plan_task({id, endpoint, &body, classification, decision, client});
  if (plan.has_value() == (asked.request_class == RequestClass::chat)) ++misjudged_;
  if (!plan) {
    KeptChat kept{request.body,       "", endpoint.dialect, std::string(body.model), classification.tenant,
                  classification.chat};
    kept.arrived = world_.now();
    return ask_chat(
        {chat_ticket(id, classification, &body, model_server.name), std::move(asked), std::move(kept)},
        std::move(done));
  }
  auto task =
      std::make_unique<Task>(*this, std::move(asked), std::move(done), std::move(*plan), hops_of(decision));
  Task& begun = *(tasks_[id] = std::move(task));
  begun.told();
}

void Shaped::ask_chat(Chat chat, Done done) {
  desk_.chat_begins(chat.ticket, world_.now());
  const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
  sim::Work work = read_by_server(chat.kept.body).work;
  sim::append_tokens(work.quoted, words_of(chat.asked.answer));
  const std::size_t answer_tokens = chat.asked.answer_tokens;
  model_.submit(std::move(work), answer_tokens,
                {[this, watch] { watch->token(world_.now()); },
                 [this, watch, chat = std::move(chat), done = std::move(done)](const sim::Usage& usage) {
                   watch->outcome.total = world_.now() - watch->asked;
                   watch->outcome.text = text_of(chat.asked);
                   chat_answered(chat, usage);
                   done(watch->outcome);
                 }});
}

void Shaped::chat_answered(Chat chat, const sim::Usage& usage) {
  const UpstreamFigures figures = simulate::figures_of(usage);
  const RequestId id = chat.ticket.id;
  const ModelKey model{model_server, wire_model};
  chat.kept.answer = words_of(chat.asked.answer);
  chat.kept.tokens = usage.new_tokens + usage.cached_tokens + usage.generated;
  chat.kept.ended = world_.now();
  said_[chat.asked.chat].push_back(chat.kept.answer);
  book_.slices(model, Dialect::openai_chat).chat(figures);
  book_.grafts(model, Dialect::openai_chat).other(figures);
  rewarming_.chat_answered(model_server, id, chat.ticket.chat, figures, config_.original().rewarm,
                           world_.now());
  chats_.keep(model_server, std::make_shared<const KeptChat>(std::move(chat.kept)));
  desk_.chat_ends(id, world_.now());
  classifier_.ended(id, world_.now());
}

void Shaped::rewarm(const Rewarm& wish) {
  rewarming_.begun(model_server);
  if (const auto chat = chats_.of(model_server, world_.now()))
    own_[wish.id] = std::make_unique<simulate::OwnRequest>(
        simulate::OwnRequest::Around{world_, model_, desk_, rewarming_}, wish.id, model_server, chat,
        read_by_server(*rewarm_body(chat->body, chat->dialect, chat->answer)).work,
        [this, id = wish.id] { own_.erase(id); });
  else
    desk_.finished(wish.id, nullptr, world_.now());
}

}  // namespace tasklane::bench
