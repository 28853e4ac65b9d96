#include "tools/bench/chat/shaped.h"

#include <stdexcept>
#include <utility>

#include "shaper/classify/pack.h"
#include "shaper/decide/decide.h"
#include "tools/bench/chat/watch.h"
#include "tools/bench/chat/wire_text.h"
#include "tools/modelsim/generation_request.h"
#include "tools/simulate/task.h"
#include "tools/simulate/wire.h"

namespace tasklane::bench {
namespace {

constexpr const char* client = "127.0.0.1";
const ServerKey model_server{"model"}, task_server{"task"};

std::vector<std::shared_ptr<const Pack>> packs_of(const Config& config) {
  auto packs = find_packs(config.packs, {});
  if (!packs) throw std::runtime_error(packs.error().text());
  return std::move(*packs);
}

// As Open WebUI speaks to it.
Dialect dialect_of(const Server& server) {
  return server.flavour() == sim::Flavour::ollama ? Dialect::ollama_chat : Dialect::openai_chat;
}

// A request's body, as the simulated server reads it.
sim::GenerationRequest read_by(const Server& server, const std::string& body) {
  auto request = sim::parse_generation(dialect_of(server), body, server.flavour());
  if (!request) throw std::runtime_error(request.error().text());
  return std::move(*request);
}

}  // namespace

class Shaped::Task : public simulate::Task {
 public:
  Task(Shaped& front, Asked asked, Done done, TaskPlan plan, std::vector<Hop> hops)
      : simulate::Task(front.lanes_, std::move(plan), std::move(hops)),
        front_(front),
        asked_(std::move(asked)),
        done_(std::move(done)),
        arrived_(front.world_.now()) {}

 private:
  sim::Work work_of(sim::GenerationRequest& request) override {
    request.work.answer.assign(asked_.answer_tokens, "word ");
    return request.work;
  }
  [[nodiscard]] std::string content() const override {
    return simulate::content_of(asked_.request_class, text_of(asked_));
  }
  void done(const effect::Done& done) override {
    Outcome outcome;
    outcome.total = outcome.first_token = front_.world_.now() - arrived_;
    if (done.answer) outcome.text = task_text(done.answer->body);
    const RequestId id = life().plan().ticket.id;
    front_.classifier_.ended(id, front_.world_.now());
    front_.world_.after(Duration::zero(), [&front = front_, id] { front.tasks_.erase(id); });
    const Done tell = std::move(done_);
    tell(outcome);
  }

  Shaped& front_;
  Asked asked_;
  Done done_;
  Time arrived_;
};

Shaped::Shaped(World& world, Server& model, Server* task, const Config& config, unsigned slots)
    : world_(world), model_(model), config_(config), classifier_(packs_of(config)), lanes_(world) {
  lanes_.add_server(model_server.name, model, slots);
  if (task != nullptr) lanes_.add_server(task_server.name, *task);
  world_.add(lanes_);
}

Shaped::~Shaped() = default;

std::vector<Hop> Shaped::hops_of(const Decision& decision) const {
  std::vector<Hop> hops;
  for (const Upstream* upstream : decision.route)
    hops.push_back({upstream, upstream->original ? model_server : task_server, {}});
  return hops;
}

void Shaped::ask(Asked asked, Done done) {
  const simulate::WireRequest request =
      simulate::read_request(wire_request(asked, said_[asked.chat], dialect_of(model_)));
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
    KeptChat kept{request.body,       {}, endpoint.dialect, std::string(body.model), classification.tenant,
                  classification.chat};
    kept.arrived = world_.now();
    kept.first_words = classification.first_words();
    lanes_.chat_came(kept.first_words, classification.newcomer.known());
    return ask_chat(
        {chat_ticket(id, classification, &body, model_server.name), std::move(asked), std::move(kept)},
        std::move(done));
  }
  auto task =
      std::make_unique<Task>(*this, std::move(asked), std::move(done), std::move(*plan), hops_of(decision));
  Task& begun = *(tasks_[id] = std::move(task));
  begun.begin();
}

void Shaped::ask_chat(Chat chat, Done done) {
  lanes_.desk().chat_begins(chat.ticket, world_.now());
  const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
  sim::Work work = read_by(model_, chat.kept.body).work;
  sim::append_tokens(work.quoted, words_of(chat.asked.answer));
  work.answer.assign(chat.asked.answer_tokens, "word ");
  model_.submit(std::move(work),
                {[this, watch] { watch->token(world_.now()); },
                 [this, watch, chat = std::move(chat), done = std::move(done)](const sim::Usage& usage) {
                   watch->outcome.total = world_.now() - watch->asked;
                   watch->outcome.text = text_of(chat.asked);
                   chat_answered(chat, usage);
                   done(watch->outcome);
                 }});
}

void Shaped::chat_answered(Chat chat, const sim::Usage& usage) {
  const RequestId id = chat.ticket.id;
  const std::string words = words_of(chat.asked.answer);
  said_[chat.asked.chat].push_back(words);
  chat.kept.answer = KeptAnswer(words);
  lanes_.chat_answered(chat.ticket, std::move(chat.kept), usage, config_.original().rewarm);
  classifier_.ended(id, world_.now());
}

}  // namespace tasklane::bench
