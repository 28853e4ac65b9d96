#include "userspace/serve/connection.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <utility>

#include "shaper/decide/balance.h"
#include "shaper/decide/spoken.h"
#include "shaper/dialect/error_answer.h"
#include "shaper/dialect/translate.h"
#include "shaper/task/plan.h"
#include "shaper/task/rewarm.h"
#include "userspace/serve/answer_note.h"
#include "userspace/serve/dialect_probe.h"
#include "userspace/serve/held_exchange.h"
#include "userspace/serve/slot_probe.h"
#include "userspace/serve/stay.h"
#include "userspace/serve/target.h"
#include "userspace/wire/reach.h"
#include "userspace/wire/tunnel.h"

namespace tasklane {
namespace {

std::string address_text(const TcpEndpoint& peer) {
  const asio::ip::address address = peer.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

// A connection that ends at once loses the request that its client is just sending; whoever asks often has
// asked again by then, and been told that it is the last.
constexpr Duration last_request_within = std::chrono::seconds(3);

// What a request gets while Tasklane is bypassed.
const Classification unclassified{};

ReadLimits read_limits(const Limits& limits, MemoryBudget& memory) {
  return {limits.max_body, limits.max_header, limits.idle_timeout, limits.header_timeout, &memory};
}

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

// What a request begins with.
struct InUse {
  std::shared_ptr<const Config> config;
  std::shared_ptr<const Services> services;
};

Decision pass_untouched(const Config& config) {
  Decision decision;
  for (const auto& [name, upstream] : config.upstreams)
    if (upstream.original) decision.route = {&upstream};
  return decision;
}

}  // namespace

Connection::Connection(RelayContext& context, TcpSocket socket, Target origin)
    : context_(context), socket_(std::move(socket)), origin_(std::move(origin)) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  client_ = address_text(socket_.remote_endpoint(ignored));
  input_ = std::make_shared<ClientInput>(socket_);
  ++context_.open_connections;
  ++context_.statistics.relay().connections;
  context_.statistics.relay().open_connections = context_.open_connections;
}

Connection::~Connection() {
  input_->stop();
  --context_.open_connections;
  context_.statistics.relay().open_connections = context_.open_connections;
}

void Connection::expire(Time at) {
  if (at > deadline_ || waited_long_enough(at)) input_->stop();
}

void Connection::finish() {
  if (!finishing_) idle_since_ = now();
  finishing_ = true;
}

bool Connection::waited_long_enough(Time at) const {
  return finishing_ && !serving_ && input_->bytes().empty() && at - idle_since_ > last_request_within;
}

void Connection::reset_client() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

Awaitable<void> Connection::run(bool pass_through) {
  input_->start();
  if (pass_through) {
    serving_ = true;
    ++context_.statistics.relay().over_limit;
    co_await run_tunnel();
  }
  while (!pass_through) {
    InUse in_use{context_.config, context_.services};
    // It captures no more than a std::function holds without allocating.
    RequestReader reader(socket_, *input_, read_limits(in_use.config->limits, context_.memory),
                         [this, &in_use](const ReceivedRequest& head) {
                           // They may have been read again while the connection was idle.
                           in_use = {context_.config, context_.services};
                           return wants_body(head, *in_use.config);
                         });
    ReadOutcome outcome = co_await reader.read(deadline_);
    deadline_ = Time::max();
    serving_ = true;
    if (auto* received = std::get_if<ReceivedRequest>(&outcome)) {
      Request request{std::move(*received), ++context_.last_request_id, std::move(in_use.config),
                      std::move(in_use.services)};
      const bool keep = co_await forward(request);
      serving_ = false;
      idle_since_ = now();
      spdlog::debug("request {}: {}; waited={:.3f}; took {:.3f} s", request.id, request.verdict,
                    waited_seconds(request), seconds_of(now() - request.arrived));
      if (keep) continue;
      if (context_.ending && !input_->closed()) co_await linger();
    } else if (const auto* refused = std::get_if<Refused>(&outcome)) {
      RelayCounters& counters = context_.statistics.relay();
      ++(refused->status == 400 ? counters.refused_requests : counters.over_limit);
      LocalAnswer answer = error_answer(Dialect::none, "", refused->status, "tasklane: " + refused->message);
      co_await refuse(std::move(answer));
    } else if (std::holds_alternative<Opaque>(outcome)) {
      co_await run_tunnel();
    }
    break;
  }
  input_->stop();
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_both, ignored);
  socket_.close(ignored);
}

Awaitable<void> Connection::run_tunnel() {
  ++context_.statistics.relay().tunnels;
  const auto dialling = std::make_shared<Dialling>();
  // A FIN may only say that nothing more is asked.
  input_->when_closed([this, dialling] {
    if (input_->reset()) return dialling->give_up();
    input_->when_closed([dialling] { dialling->give_up(); });
  });
  // Named: gcc 12 destroys such a temporary of an awaited call twice.
  const ReachWishes wishes{.patient = true, .dialling = dialling};
  Result<UpstreamPtr> upstream = co_await reach(context_.upstreams, origin_, wishes);
  input_->when_closed(nullptr);
  if (!upstream) co_return reset_client();
  co_await tunnel(socket_, input_, *upstream);
}

Awaitable<void> Connection::refuse(LocalAnswer answer) {
  const std::string wire = to_wire(answer, false);
  co_await send_all(socket_, wire);
  co_await linger();
}

Awaitable<void> Connection::refuse(int status, const std::string& message, const Request& request) {
  LocalAnswer answer =
      error_answer(request.endpoint.dialect, path_of(request.head().target), status, "tasklane: " + message);
  let_its_page_read(request, answer);
  note(request, answer);
  co_await refuse(std::move(answer));
}

void Connection::note(const Request& request, LocalAnswer& answer) {
  if (!request.config->answer_header || request.verdict.empty()) return;
  const std::string line = answer_note(request);
  const auto colon = line.find(": ");
  answer.fields.push_back({line.substr(0, colon), line.substr(colon + 2)});
}

void Connection::let_its_page_read(const Request& request, LocalAnswer& answer) {
  const std::string* const origin = request.head().field("Origin");
  if (origin == nullptr || allow_an_origin(answer.fields)) return;
  const ServerKey server = server_key(origin_, request.config->original());
  for (HeaderField& field : context_.book.origins(server).said_to(*origin))
    answer.fields.push_back(std::move(field));
}

void Connection::note_origin(const Request& request, const Exchange::Report& report) {
  const std::string* const origin = request.head().field("Origin");
  const Upstream& original = request.config->original();
  if (origin == nullptr || report.answer.status == 0 || report.upstream != original.name) return;
  context_.book.origins(server_key(origin_, original)).answered(*origin, report.answer.cross_origin);
}

// The client may still be sending, and a reset would overtake the answer.
Awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  deadline_ = now() + std::chrono::seconds(2);
  for (std::size_t drained = 0; drained < (8u << 20); drained += input_->bytes().size()) {
    const std::uint64_t seen = input_->received();
    input_->consume(input_->bytes().size());
    if (!co_await input_->more_than(seen)) break;
  }
}

bool Connection::wants_body(const ReceivedRequest& request, const Config& config) const {
  if (context_.bypass) return false;
  return has_prompt(request.endpoint) || needs_body(config, request.head(), request.endpoint, client_);
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

PlanInput Connection::plan_input(const Request& request, const BodyFacts* body,
                                 const Classification& classification, const Decision& decision) const {
  return {request.id, request.endpoint, body, classification, decision, client_, request.whole};
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
  prompt.chat.body = body->json;
  prompt.chat.dialect = request.endpoint.dialect;
  prompt.chat.model = body->model;
  prompt.chat.tenant = classification.tenant;
  prompt.chat.chat = classification.chat;
  prompt.chat.arrived = request.arrived;
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
  if (prompt) prompt->near = report.near;
  if (prompt && report.answer.end == AnswerEnd::complete && report.answer.status == 200)
    context_.rewarmer->remember(server, request.id, std::move(*prompt), report.answer.copy);
  else if (generates && context_.rewarmer != nullptr)
    context_.rewarmer->forget(server);
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
  TaskRun run(context_, input_, origin_, request, std::move(plan));
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

std::optional<bool> Connection::concluded(const Request& request, const Exchange::Report& report) {
  const bool whole = report.answer.end == AnswerEnd::complete && request.scanner->is_done();
  if (!whole || report.ambiguous) return std::nullopt;
  return request.scanner->keep_alive() && report.answer.client_keep_alive;
}

Awaitable<bool> Connection::conclude(Request& request, Exchange::Report& report) {
  if (report.ambiguous) {
    ++context_.statistics.relay().refused_requests;
    if (report.answer.begun) {
      reset_client();
    } else {
      const std::string why = "the request can be read in two ways: " + request.scanner->problem();
      co_await refuse(400, why, request);
    }
    co_return false;
  }
  switch (report.answer.end) {
    case AnswerEnd::complete:
      // Of a request that has not been taken in whole the rest would be read as the next one.
      co_await linger();
      co_return false;
    case AnswerEnd::upgraded:
      co_await tunnel(socket_, input_, report.connection, std::move(report.answer.leftover));
      co_return false;
    case AnswerEnd::no_answer:
    case AnswerEnd::passed_over:
      if (report.dialled.has_error() && !origin_.steered) {
        const std::string message =
            "upstream '" + report.upstream + "' cannot be reached: " + report.dialled.error().text();
        co_await refuse(502, message, request);
      } else {
        reset_client();  // as the model server itself would have left it
      }
      co_return false;
    case AnswerEnd::unreadable:
    case AnswerEnd::broken:
      co_await conclude_broken(request, report);
      co_return false;
    default:
      co_return false;
  }
}

// What was cut must look cut: to the client that has a part of it by how its connection ends, to one that has
// nothing yet by a 502.
Awaitable<void> Connection::conclude_broken(const Request& request, const Exchange::Report& report) {
  const AnswerReport& answer = report.answer;
  if (answer.begun) {
    if (answer.reset) reset_client();
  } else if (answer.end == AnswerEnd::unreadable) {
    const std::string why =
        "upstream '" + report.upstream + "' sent an answer that can be read in two ways: " + answer.problem;
    co_await refuse(502, why, request);
  } else {
    const std::string why = "upstream '" + report.upstream + "' broke off";
    co_await refuse(502, why, request);
  }
}

}  // namespace tasklane
