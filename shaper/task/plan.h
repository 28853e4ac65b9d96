// Whether a request is handled as a task in a lane, and all that it takes to do so later, when the body's
// facts are gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/admit/admission.h"
#include "shaper/classify/classification.h"
#include "shaper/decide/decide.h"
#include "shaper/dialect/answer.h"
#include "shaper/dialect/body.h"
#include "shaper/task/task_body.h"

namespace tasklane {

struct PlanInput {
  RequestId id = 0;
  Endpoint endpoint;
  const BodyFacts* body = nullptr;  // null: none was read, or not all of it has come
  const Classification& classification;
  const Decision& decision;
  std::string_view client;  // its address
  bool whole = true;        // all of the request has come
};

struct TaskPlan {
  TaskBody body;
  Ticket ticket;  // without upstream; its settings are the treatment's, and final
  AnswerForm form;
  Decision decision;
  std::optional<LocalAnswer> empty;  // the class's empty answer, where it has one
  bool json_contract = false;        // the prompt asks for its class's JSON key
  Constraints allowed{};             // what its certainty lets it carry
  bool may_graft = false;            // so sure it is what it is
  SchemaBounds bounds = SchemaBounds::none;
  std::uint64_t named_chat = 0;    // Classification::named_chat
  std::string client{};            // its address
  std::uint64_t least_tokens = 0;  // of its prompt, as far as nothing is changed of it
};

// Nothing: it goes at once, as it came or as the rule writes it anew.
std::optional<TaskPlan> plan_task(const PlanInput& input);

// What waits in a lane and is then passed on byte for byte, both ways: a learnt shape, a task in a dialect in
// which no answer is put together here, whatever a rule puts into a lane. Without upstream.
std::optional<Ticket> plan_hold(const PlanInput& input);

// Of a chat, or what is treated as one: whose it is, to find what they were typing. `body` may be null.
Ticket chat_ticket(RequestId id, const Classification& classification, const BodyFacts* body,
                   const std::string& server);

}  // namespace tasklane
