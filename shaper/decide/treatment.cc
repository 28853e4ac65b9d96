#include "shaper/decide/treatment.h"

#include "shaper/dialect/as_stream.h"
#include "shaper/dialect/empty_answer.h"

namespace tasklane {
namespace {

// Longer than a person waits for a suggestion; then the editor asks anew.
constexpr Duration keystroke_deadline = std::chrono::seconds(3);

// Chats and compaction are interactive whatever a rule says, and so is what no rule gives a lane.
Lane lane_by_rule(const Decision& decision, RequestClass request_class) {
  if (!is_task(request_class) || decision.rule == nullptr || !decision.rule->then.laned)
    return Lane::interactive;
  return decision.rule->then.settings.lane.value_or(default_lane(request_class));
}

// A task is asked as a stream, and put together again for its client. "": that can be done.
std::string cannot_be_a_task(const Endpoint& endpoint, const BodyFacts* body) {
  if (endpoint.kind != EndpointKind::generation) return "nothing is generated there";
  if (body == nullptr || !body->readable) return "its body cannot be read";
  const auto stream = as_stream(body->json, endpoint.dialect);
  return stream ? "" : stream.error().what;
}

// Nothing may be answered in a model's place. What would be, goes to a model after all: off by rule, late,
// replaced by a newer one, in a chat's way. Past a rate it is refused.
void leave_to_a_model(LaneSettings& settings) {
  settings.answer = false;
  settings.deadline.reset();
  settings.share.reset();
  settings.while_chat = WhileChat::hold;
  settings.supersede = false;
  settings.type_ahead = false;
  if (settings.rate && settings.rate->over == OverRate::answer) settings.rate->over = OverRate::reject;
}

}  // namespace

Treatment treatment_of(const Decision& decision, const Classification& classification,
                       const Endpoint& endpoint, const BodyFacts* body) {
  const RequestClass request_class = classification.request_class;
  Treatment treatment;
  const Lane lane = lane_by_rule(decision, request_class);
  if (lane == Lane::interactive) return treatment;
  treatment.at_once_because = cannot_be_a_task(endpoint, body);
  if (!treatment.at_once_because.empty()) return treatment;
  treatment.lane = lane;
  treatment.settings = decision.rule->then.settings;
  LaneSettings& settings = treatment.settings;
  if (lane == Lane::keystroke && !settings.deadline) settings.deadline = keystroke_deadline;
  if (lane == Lane::blocking) settings.slices = false;  // a person waits: its prompt is asked whole
  treatment.may_be_answered = has_empty_answer(request_class);
  if (!treatment.may_be_answered) leave_to_a_model(settings);
  return treatment;
}

}  // namespace tasklane
