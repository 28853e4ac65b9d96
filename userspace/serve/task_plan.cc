#include "userspace/serve/task_plan.h"

#include <functional>
#include <string>

#include "shaper/dialect/as_stream.h"
#include "shaper/dialect/contract.h"
#include "shaper/dialect/quoted.h"
#include "shaper/dialect/token_estimate.h"

namespace tasklane {
namespace {

// Longer than a person waits for a suggestion; then the editor asks anew.
constexpr Duration keystroke_deadline = std::chrono::seconds(3);

std::uint64_t mixed(std::initializer_list<std::string_view> parts) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const std::string_view part : parts)
    hash = (hash ^ std::hash<std::string_view>{}(part)) * 0x100000001b3ull;
  return hash | 1;
}

std::uint64_t bucket_of(const PlanInput& input) {
  const RateLimit& rate = *input.decision.rule->then.settings.rate;
  const std::string& rule = input.decision.rule->name;
  switch (rate.per) {
    case RatePer::client:  // everybody behind one front end shares its address
      if (input.classification.typist_by == TypistEvidence::header)
        return mixed({rule, "person", input.client, std::to_string(input.classification.typist)});
      return mixed({rule, "client", input.client});
    case RatePer::model:
      return mixed({rule, "model", input.body->model});
    case RatePer::request_class:
      return mixed({rule, "class", to_text(input.classification.request_class)});
  }
  return 0;
}

Ticket ticket_for(const PlanInput& input, Lane lane) {
  Ticket ticket;
  ticket.id = input.request.id;
  ticket.request_class = input.classification.request_class;
  ticket.lane = lane;
  ticket.settings = input.decision.rule->then.settings;
  ticket.typist = input.classification.typist;
  ticket.typist_known = input.classification.typist_by != TypistEvidence::address;
  ticket.editor = input.classification.editor;
  ticket.prompt_tokens = static_cast<std::uint64_t>(TokenEstimate().of(input.body->json));
  if (ticket.settings.rate) ticket.bucket = bucket_of(input);
  if (ticket.request_class == RequestClass::autocomplete)
    if (const std::optional<Typed> typed = typed_text(*input.body)) ticket.typed = typed->text;
  if (lane == Lane::keystroke && !ticket.settings.deadline) ticket.settings.deadline = keystroke_deadline;
  return ticket;
}

// Nothing may be answered for it. What would be, goes to a model after all: off by rule, late, replaced by a
// newer one, in a chat's way. Past a rate it is refused.
void leave_to_a_model(Ticket& ticket) {
  LaneSettings& settings = ticket.settings;
  settings.answer = false;
  settings.deadline.reset();
  settings.share.reset();
  settings.while_chat = WhileChat::hold;
  ticket.typist = 0;
  if (settings.rate && settings.rate->over == OverRate::answer) settings.rate->over = OverRate::reject;
}

}  // namespace

Lane lane_of(const Decision& decision, RequestClass request_class) {
  if (!is_task(request_class) || decision.rule == nullptr || !decision.rule->then.laned)
    return Lane::interactive;
  return decision.rule->then.settings.lane.value_or(default_lane(request_class));
}

std::optional<TaskPlan> plan_task(const PlanInput& input) {
  const Lane lane = lane_of(input.decision, input.classification.request_class);
  const bool readable = input.body != nullptr && input.body->readable && input.request.whole;
  if (lane == Lane::interactive || !readable || input.request.endpoint.kind != EndpointKind::generation)
    return std::nullopt;
  const Dialect dialect = input.request.endpoint.dialect;
  if (!as_stream(input.body->json, dialect))
    return std::nullopt;  // several answers at once: not ours to put together
  TaskPlan plan;
  plan.ticket = ticket_for(input, lane);
  plan.form = form_of(*input.body, dialect);
  plan.decision = input.decision;
  plan.body = input.body->json;
  plan.model = input.body->model;
  plan.json_contract = asks_for_json(plan.ticket.request_class, *input.body);
  if (has_empty_answer(plan.ticket.request_class)) {
    const EmptyAnswerInput wish{
        plan.ticket.request_class, *input.body, plan.form, std::chrono::system_clock::now(), {}};
    if (Result<LocalAnswer> empty = empty_answer(wish)) plan.empty = std::move(*empty);
  }
  if (!plan.empty) leave_to_a_model(plan.ticket);
  return plan;
}

}  // namespace tasklane
