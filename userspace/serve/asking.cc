// A request that was decided on, asked for: as it came, held for its turn, or as a task; and what is kept and
// counted of it.
#include "userspace/serve/connection.h"

#include <utility>

#include "shaper/task/rewarm.h"
#include "userspace/serve/held_exchange.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/serve/stay.h"
#include "userspace/serve/target.h"

namespace tasklane {
namespace {

// What least_tokens() looks at.
std::size_t bytes_said(const std::vector<Message>& messages) {
  std::size_t bytes = 0;
  for (const Message& message : messages)
    if (message.role != Role::assistant) bytes += message.text.size();
  return bytes;
}

}  // namespace

// What a task for the same model must not change, or the model is loaded anew.
void Connection::remember_load_options(const Request& request, const BodyFacts* body,
                                       const Classification& classification) {
  if (classification.request_class != RequestClass::chat || classification.certainty == Certainty::echo ||
      body == nullptr || !body->readable || !request.config->aligns())
    return;
  for (const auto& [name, upstream] : request.config->upstreams)
    if (upstream.original)
      context_.book.model({server_key(origin_, upstream), std::string(body->model)}).chat_options =
          body->load_options;
}

std::optional<ChatPrompt> Connection::prompt_of(const Request& request, const BodyFacts* body,
                                                const Classification& classification,
                                                const Decision& decision) const {
  const Upstream& upstream = *decision.route.front();
  const bool untouched = decision.rule == nullptr && (upstream.rewarm || upstream.prewarm || upstream.graft);
  // What OpenAI's responses ask, the server may keep: it is not asked twice.
  const bool kept_by_server = dialect_row(request.endpoint.dialect).prompt == PromptPlace::input;
  if (context_.rewarmer == nullptr || !untouched || kept_by_server ||
      classification.request_class != RequestClass::chat || classification.certainty == Certainty::echo ||
      !writes_answers(request.endpoint.dialect) || body == nullptr || !body->readable ||
      !stays_loaded(*body) || !Rewarmer::keeps(body->json.size()))
    return std::nullopt;
  ChatPrompt prompt{origin_, std::string(request.raw_head()), {}};
  prompt.client = client_;
  prompt.said = bytes_said(body->messages);
  // Else it is taken once the request needs it no more.
  if (body->json != request.body()) prompt.chat.body = body->json;
  prompt.chat.dialect = request.endpoint.dialect;
  prompt.chat.model = body->model;
  prompt.chat.tenant = classification.tenant;
  prompt.chat.chat = classification.chat;
  prompt.chat.arrived = request.arrived;
  prompt.chat.first_words = classification.first_words();
  prompt.chat.named_chat = classification.named_chat;
  return prompt;
}

Awaitable<bool> Connection::run_exchange(Request& request, Reading& reading,
                                         const Classification& classification, const Decision& decision) {
  std::vector<Outgoing> outgoing;
  if (decision.rule != nullptr && reading.is_large())
    outgoing = co_await outgoing_beside(request, decision, reading);
  else
    outgoing = outgoing_for(request, decision, reading);
  const BodyFacts* body = reading.body();
  const RequestClass request_class = classification.request_class;
  const std::string first = decision.route.front()->name;
  Exchange exchange(context_, socket_, input_, origin_, request, decision, request_class,
                    body == nullptr ? std::string() : std::string(body->model));
  std::optional<ChatPrompt> prompt = prompt_of(request, body, classification, decision);
  if (prompt) exchange.keep_copy();
  std::optional<Unmasked> unmasked;
  std::optional<LateEcho::Watch> watch;
  if (classification.may_be_unmasked && request.whole && request.config->has_lanes())
    watch.emplace(context_.late_echo, request.id, [&exchange, &unmasked](const Unmasked& shown) {
      if (exchange.give_way()) unmasked = shown;
    });
  Row& row = context_.statistics.row(request_class, first);
  ++row.requests;
  std::optional<InFlight> in_flight(std::in_place, row);
  const bool generates = may_generate(request.endpoint) && !context_.bypass;
  ChatStay stay(context_.lanes, request.id);
  const ServerKey server = server_key(origin_, *decision.route.front());
  if (generates) stay.begin(chat_ticket(request.id, classification, body, server.name));
  context_.late_echo.unmask(classification.unmasked);
  reading.forget();
  Exchange::Report report = co_await exchange.run(std::move(outgoing));
  if (prompt && report.answer.end == AnswerEnd::complete && report.answer.status == 200) {
    prompt->near = report.near;
    if (prompt->chat.body.empty()) prompt->chat.body = request.take_body();
    context_.rewarmer->remember(server, request.id, std::move(*prompt), std::move(report.answer.copy));
  } else if (generates && context_.rewarmer != nullptr) {
    context_.rewarmer->forget(server);
  }
  stay.end();
  if (generates) note_slots(report, *decision.route.front(), server);
  in_flight.reset();
  watch.reset();
  if (report.gave_way && unmasked) {
    --context_.statistics.row(request_class, first).requests;
    co_return co_await run_unmasked(request, reading, classification, *unmasked);
  }
  note_origin(request, report);
  count(request_class, report, request);
  if (const std::optional<bool> keep = concluded(request, report)) co_return *keep;
  co_return co_await conclude(request, report);
}

// A learnt shape goes as it came; what a rule puts into a lane is changed and routed as the rule says.
Awaitable<bool> Connection::run_held(Request& request, Reading& reading, const Classification& classification,
                                     const Decision& decision, Ticket ticket) {
  const Power power = classification.power();
  const bool untouched = power.may(May::wait) && !power.may(May::redirect);
  const Decision as_it_came = pass_untouched(*request.config);
  const Decision& taken = untouched ? as_it_came : decision;
  std::vector<Outgoing> outgoing;
  if (taken.rule != nullptr && reading.is_large())
    outgoing = co_await outgoing_beside(request, taken, reading);
  else
    outgoing = outgoing_for(request, taken, reading);
  const RequestClass request_class = classification.request_class;
  const std::string first = taken.route.front()->name;
  Row& row = context_.statistics.row(request_class, first);
  ++row.requests;
  std::optional<InFlight> in_flight(std::in_place, row);
  HeldExchange held({context_, socket_, input_, origin_, request, taken, as_it_came,
                     reading.body() == nullptr ? std::string() : std::string(reading.body()->model)},
                    std::move(ticket));
  reading.forget();
  context_.late_echo.unmask(classification.unmasked);
  HeldExchange::Report report = co_await held.run(std::move(outgoing));
  in_flight.reset();
  if (report.over_rate) {
    constexpr int over_rate = 429;
    const std::string message = "over the rate of rule '" + decision.rule->name + "'";
    co_await refuse(over_rate, message, request);
    co_return false;
  }
  note_slots(report.exchange, *taken.route.front(), server_key(origin_, *taken.route.front()));
  note_origin(request, report.exchange);
  count(request_class, report.exchange, request);
  if (const std::optional<bool> keep = concluded(request, report.exchange)) co_return *keep;
  co_return co_await conclude(request, report.exchange);
}

void Connection::note_slots(const Exchange::Report& report, const Upstream& first, const ServerKey& server) {
  if (context_.slot_probe == nullptr || first.service) return;
  const AnswerEnd end = report.answer.end;
  if (report.upstream != first.name || end == AnswerEnd::no_answer || end == AnswerEnd::broken)
    context_.slot_probe->lost(server);
  else if (report.answer.status != 0)
    context_.slot_probe->answered(server, origin_, first, report.answer.server);
}

Awaitable<bool> Connection::run_task(Request& request, TaskPlan plan) {
  request.forget_body();  // the plan has it, and the wait may be long
  const RequestClass request_class = plan.ticket.request_class;
  const std::string first = plan.decision.route.front()->name;
  Row& begun = context_.statistics.row(request_class, first);
  ++begun.requests;
  std::optional<InFlight> in_flight(std::in_place, begun);
  const Flag task(runs_task_);
  TaskRun run(context_, input_, origin_, request, plan);
  TaskRun::Report report = co_await run.run();
  in_flight.reset();
  Row& row = context_.statistics.row(request_class, report.upstream);
  row.bytes_up += report.bytes_up;
  if (report.asked && !request.config->upstreams.find(report.upstream)->second.original) ++row.redirected;
  if (!report.answer) {
    ++row.client_gone;
    co_return false;
  }
  const bool keep = request.scanner->keep_alive() && !context_.ending;
  request.asked_at = report.asked_at;
  let_its_page_read(request, *report.answer);
  note(request, *report.answer);
  const std::string wire = to_wire(*report.answer, keep);
  const bool sent = co_await send_all(socket_, wire);
  row.bytes_down += wire.size();
  ++(!sent ? row.client_gone : report.answer->status < 500 ? row.answered : row.failed);
  row.total.add(now() - request.arrived);
  row.ttft.add(now() - request.arrived);
  co_return sent&& keep;
}

void Connection::count(RequestClass request_class, const Exchange::Report& report, const Request& request) {
  Row& row = context_.statistics.row(request_class, report.upstream);
  row.bytes_down += report.answer.bytes;
  switch (report.answer.end) {
    case AnswerEnd::complete:
    case AnswerEnd::upgraded:
      ++row.answered;
      break;
    case AnswerEnd::client_gone:
      ++row.client_gone;
      return;
    default:
      ++row.failed;
      return;
  }
  row.total.add(now() - request.arrived);
  if (report.answer.first_byte) row.ttft.add(*report.answer.first_byte - request.arrived);
}

}  // namespace tasklane
