// What a request is and what becomes of it: told apart, decided on, and handed to what asks for it.
#include "userspace/serve/connection.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "shaper/decide/balance.h"
#include "shaper/decide/spoken.h"
#include "shaper/dialect/translate.h"
#include "shaper/task/plan.h"
#include "userspace/serve/answer_note.h"
#include "userspace/serve/dialect_probe.h"
#include "userspace/serve/stay.h"
#include "userspace/serve/target.h"

namespace tasklane {
namespace {

// What a request gets while Tasklane is bypassed.
const Classification unclassified{};

// Whether a service is asked what was not put together here: somebody's chat, in its own dialect.
bool takes_as_it_comes(const Upstream& upstream, const Book& book, const Request& request,
                       const BodyFacts* body, RequestClass request_class) {
  const std::optional<DialectFamily> family = spoken_by(upstream, book);
  if (body == nullptr || !body->readable || !family) return false;
  const Dialect dialect = request.endpoint.dialect;
  return request_class == RequestClass::chat && upstream.service->may_get_chats && request.whole &&
         asked_in(dialect, *family) == dialect;
}

void leave_out_services(Decision& decision, const Book& book, const Request& request, const BodyFacts* body,
                        RequestClass request_class) {
  std::erase_if(decision.route, [&](const Upstream* each) {
    return each->service && !takes_as_it_comes(*each, book, request, body, request_class);
  });
  if (decision.route.empty()) decision.route.push_back(&request.config->original());
}

}  // namespace

Decision Connection::pass_untouched(const Config& config) {
  Decision decision;
  for (const auto& [name, upstream] : config.upstreams)
    if (upstream.original) decision.route = {&upstream};
  return decision;
}

Classification Connection::classify(Request& request, const BodyFacts* body) {
  if (context_.bypass) return unclassified;
  const ClassifyInput input{request.id,      request.head(), request.endpoint, body, client_,
                            request.arrived, false};
  Classification classification = context_.classifier.classify(input);
  context_.statistics.count_evidence(classification.evidence);
  context_.statistics.count_certainty(classification.certainty);
  return classification;
}

// A rule that looks into the body has it read as JSON.
bool Connection::decides_beside(const Request& request, const Reading& reading) const {
  return reading.is_large() && !context_.bypass && looks_into_bodies(*request.config);
}

Decision Connection::decide_on(const Request& request, const Reading& reading,
                               const Classification& classification) const {
  return decide(*request.config, {request.head(), request.endpoint, reading.body(), request.body().size(),
                                  classification, client_});
}

Awaitable<Decision> Connection::decide_beside(const Request& request, Reading& reading,
                                              const Classification& classification) const {
  Decision decision;
  const auto decide_now = [&] { decision = decide_on(request, reading, classification); };
  co_await reading.work(decide_now);
  share_out(decision, request, classification);
  co_return decision;
}

Decision Connection::decide_at_once(const Request& request, const Reading& reading,
                                    const Classification& classification) const {
  if (context_.bypass) return pass_untouched(*request.config);
  Decision decision = decide_on(request, reading, classification);
  share_out(decision, request, classification);
  return decision;
}

// Among upstreams of one route.
void Connection::share_out(Decision& decision, const Request& request,
                           const Classification& classification) const {
  const bool by_chat = classification.typist_by != TypistEvidence::address;
  balance(decision.route, {context_.book, by_chat ? classification.typist.value() : 0, request.id, now()});
  if (context_.dialect_probe != nullptr) context_.dialect_probe->look(decision.route);
}

// Of a small body the facts are views that live until anybody's next one is read: classify, decide and write
// the request anew happen in one go, without a wait. A large one's are its own.
Awaitable<bool> Connection::forward(Request& request) {
  Reading reading(context_, request);
  if (!reading.read_at_once()) co_await reading.read_beside();
  const ClassifierStay known(context_.classifier, request.id);
  const Classification classification = classify(request, reading.body());
  if (classification.request_class == RequestClass::chat)
    context_.chats.came(classification.first_words(), classification.newcomer.known(), request.arrived);
  Decision decision;
  if (decides_beside(request, reading))
    decision = co_await decide_beside(request, reading, classification);
  else
    decision = decide_at_once(request, reading, classification);
  if (unloads_models(request.head().method, request.head().target))
    context_.lanes.admission().unloaded(server_key(origin_, request.config->original()).name, "");
  if (context_.rewarmer != nullptr && lists_models(request.head().method, request.head().target))
    context_.rewarmer->page_opened(server_key(origin_, request.config->original()));
  if (request.past_limit) ++context_.statistics.relay().unclassified_large;
  if (classification.task_shaped && classification.request_class == RequestClass::chat)
    ++context_.statistics.relay().task_shaped_unrecognised;
  if (reading.body() != nullptr)
    context_.samples.see(classification, *reading.body(), context_.classifier.packs(), request.arrived);
  const PlanInput wish = plan_input(request, reading.body(), classification, decision);
  std::optional<TaskPlan> plan = plan_task(wish);
  std::optional<Ticket> held = plan_hold(wish);
  if (!plan)
    leave_out_services(decision, context_.book, request, reading.body(), classification.request_class);
  bool keep = false;
  std::optional<Lane> lane;
  if (plan)
    lane = plan->ticket.lane;
  else if (held)
    lane = held->lane;
  if (request.config->answer_header || spdlog::should_log(spdlog::level::debug))
    request.verdict = verdict_of(request.id, classification, decision, lane);
  if (plan) {
    reading.forget();
    keep = co_await run_task(request, std::move(*plan));
  } else if (held) {
    keep = co_await run_held(request, reading, classification, decision, std::move(*held));
  } else {
    remember_load_options(request, reading.body(), classification);
    keep = co_await run_exchange(request, reading, classification, decision);
  }
  co_return keep;
}

Awaitable<bool> Connection::run_unmasked(Request& request, Reading& reading, Classification classification,
                                         Unmasked unmasked) {
  ++context_.statistics.relay().gave_way;
  classification = shown_to_be(unmasked, std::move(classification));
  if (!reading.read_at_once()) co_await reading.read_beside();
  Decision decision;
  if (decides_beside(request, reading))
    decision = co_await decide_beside(request, reading, classification);
  else
    decision = decide_at_once(request, reading, classification);
  const PlanInput wish = plan_input(request, reading.body(), classification, decision);
  std::optional<TaskPlan> plan = plan_task(wish);
  if (plan) co_return co_await run_task(request, std::move(*plan));
  std::optional<Ticket> held = plan_hold(wish);
  leave_out_services(decision, context_.book, request, reading.body(), classification.request_class);
  if (held) co_return co_await run_held(request, reading, classification, decision, std::move(*held));
  co_return co_await run_exchange(request, reading, classification, decision);
}

PlanInput Connection::plan_input(const Request& request, const BodyFacts* body,
                                 const Classification& classification, const Decision& decision) const {
  return {request.id, request.endpoint, body, classification, decision, client_, request.whole};
}

}  // namespace tasklane
