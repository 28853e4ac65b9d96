#include "shaper/task/plan.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "shaper/decide/treatment.h"
#include "shaper/dialect/contract.h"
#include "shaper/dialect/empty_answer.h"
#include "shaper/dialect/quoted.h"
#include "shaper/dialect/token_estimate.h"
#include "shaper/server/cut_prompts.h"
#include "shaper/task/graft.h"
#include "shaper/task/rewarm.h"

namespace tasklane {
namespace {

constexpr std::size_t longest_paragraph = 8192;  // of what a person sends, to know what was being typed

std::uint64_t mixed(std::initializer_list<std::string_view> parts) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const std::string_view part : parts)
    hash = (hash ^ std::hash<std::string_view>{}(part)) * 0x100000001b3ull;
  return hash | 1;
}

std::uint64_t bucket_of(const PlanInput& input, const RateLimit& rate) {
  const std::string& rule = input.decision.rule->name;
  switch (rate.per) {
    case RatePer::client:  // everybody behind one front end shares its address
      if (input.classification.typist_by == TypistEvidence::header)
        return mixed({rule, "person", input.client, std::to_string(input.classification.typist.value())});
      return mixed({rule, "client", input.client});
    case RatePer::model:
      return mixed({rule, "model", input.body == nullptr ? std::string_view() : input.body->model});
    case RatePer::request_class:
      return mixed({rule, "class", to_text(input.classification.request_class)});
  }
  return 0;
}

bool rewrites_prompt(const Decision& decision) {
  if (decision.rule == nullptr || !decision.rule->then.patch) return false;
  const nlohmann::json& patch = *decision.rule->then.patch;
  return patch.contains("messages") || patch.contains("prompt") || patch.contains("system") ||
         patch.contains("input") || patch.contains("instructions");
}

Ticket ticket_for(const PlanInput& input, const Treatment& treatment) {
  Ticket ticket;
  ticket.id = input.id;
  ticket.request_class = input.classification.request_class;
  ticket.lane = Standing(treatment.lane, treatment.power);
  ticket.settings = treatment.settings;
  // What must reach a model is nobody's typing, which a newer one or a chat could end.
  ticket.tenant = input.classification.tenant;
  if (treatment.may_be_answered) {
    ticket.typist = input.classification.typist;
    ticket.typist_by = input.classification.typist_by;
    ticket.editor = input.classification.editor;
  }
  if (input.body != nullptr) ticket.model = input.body->model;
  if (input.body != nullptr)
    ticket.prompt_tokens = static_cast<std::uint64_t>(TokenEstimate().of(input.body->json));
  if (treatment.settings.rate) ticket.bucket = bucket_of(input, *treatment.settings.rate);
  if (ticket.request_class == RequestClass::autocomplete && input.body != nullptr)
    if (const std::optional<Typed> typed = typed_text(*input.body)) ticket.typed = typed->text;
  return ticket;
}

}  // namespace

Ticket chat_ticket(RequestId id, const Classification& classification, const BodyFacts* body,
                   const std::string& server) {
  // What only quotes a chat is no turn of one: it says nothing of what was being typed.
  const bool turn = classification.certainty != Certainty::echo;
  Ticket ticket;
  ticket.id = id;
  ticket.request_class = turn ? classification.request_class : RequestClass::other;
  ticket.tenant = classification.tenant;
  ticket.chat = classification.chat;
  ticket.typist = classification.typist;
  ticket.newcomer = classification.newcomer;
  ticket.upstream = server;
  if (body == nullptr) return ticket;
  ticket.model = body->model;
  ticket.unloads = unloads(*body);
  const std::string_view sent = prompt_text(*body);
  ticket.typed = sent.substr(sent.size() - std::min(sent.size(), longest_paragraph));
  return ticket;
}

std::optional<Ticket> plan_hold(const PlanInput& input) {
  const Treatment treatment = treatment_of(input.decision, input.classification, input.endpoint, input.body);
  if (!treatment.waits() || treatment.put_together || !input.whole) return std::nullopt;
  return ticket_for(input, treatment);
}

std::optional<TaskPlan> plan_task(const PlanInput& input) {
  const Treatment treatment = treatment_of(input.decision, input.classification, input.endpoint, input.body);
  if (!treatment.waits() || !treatment.put_together || !input.whole) return std::nullopt;
  const Dialect dialect = input.endpoint.dialect;
  Result<TaskBody> body = TaskBody::read(input.body->json, dialect);
  if (!body) return std::nullopt;
  TaskPlan plan{
      std::move(*body), ticket_for(input, treatment), form_of(*input.body, dialect), input.decision, {}};
  plan.named_chat = input.classification.named_chat;
  plan.client = input.client;
  if (!rewrites_prompt(input.decision)) plan.least_tokens = least_tokens(input.body->messages);
  plan.json_contract = asks_for_json(plan.ticket.request_class, *input.body);
  const Power& power = treatment.power;
  // Somebody's own words may ask for more than the shipped ones do.
  const bool shipped = input.classification.worded_as_shipped && power.may(May::cap);
  plan.allowed = {power.may(May::constrain), shipped, power.may(May::cap)};
  plan.bounds = shipped ? SchemaBounds::of_shipped_template : SchemaBounds::none;
  plan.may_graft =
      input.classification.certainty >= Certainty::contract && can_be_grafted(plan.ticket.request_class);
  if (!treatment.may_be_answered) return plan;
  const EmptyAnswerInput wish{
      plan.ticket.request_class, *input.body, plan.form, std::chrono::system_clock::now(), {}};
  if (Result<LocalAnswer> empty = empty_answer(wish)) plan.empty = std::move(*empty);
  return plan;
}

}  // namespace tasklane
