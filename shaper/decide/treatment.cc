#include "shaper/decide/treatment.h"

#include <algorithm>

#include "shaper/decide/when.h"
#include "shaper/dialect/empty_answer.h"

namespace tasklane {
namespace {

// A task's answer is put together by the only thread, and its request written anew there: what is larger
// (a quarter of a million tokens) passes as it is, once its turn has come.
constexpr std::size_t largest_put_together = 1U << 20;

// Longer than a person waits for a suggestion; then the editor asks anew.
constexpr Duration keystroke_deadline = std::chrono::seconds(3);

// Asking it twice changes nothing on the server.
bool may_be_asked_again(const Endpoint& endpoint) {
  return endpoint.kind == EndpointKind::generation || endpoint.kind == EndpointKind::embedding;
}

bool may_be_put_into_lane(RequestClass request_class, const Endpoint& endpoint) {
  return request_class != RequestClass::compaction && request_class != RequestClass::admin &&
         endpoint.kind != EndpointKind::admin && endpoint.kind != EndpointKind::other;
}

// A task is asked as a stream, and put together again for its client. "": that can be done.
std::string cannot_be_a_task(const BodyFacts* body) {
  if (body == nullptr || !body->readable) return "its body cannot be read";
  return body->one_text ? "" : "more is asked for than one answer's text";
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

void keep_within(const Power& power, bool put_together, LaneSettings& settings) {
  if (!power.may(May::cancel)) settings.preempt.reset();
  if (!power.may(May::cancel) || !put_together) settings.slices = false;
  if (!power.may(May::constrain) || !put_together) settings.constrain = false;
  if (!power.may(May::redirect) || !put_together) settings.align = false;
  if (power.may(May::share) && put_together) return;
  settings.coalesce = false;
  settings.cache.reset();
  settings.type_ahead = false;
  settings.supersede = false;
}

// By its evidence, or by a rule that means whatever it is; the lane stays interactive where neither does.
void take_lane(const Decision& decision, const Classification& classification, const Endpoint& endpoint,
               const BodyFacts* body, Treatment& treatment) {
  const std::optional<Lane>& lane = decision.rule->then.settings.lane;
  const Power by_evidence = classification.power();
  if (by_evidence.may(May::wait)) {
    treatment.put_together = by_evidence.may(May::cancel) && writes_answers(endpoint.dialect) &&
                             (body == nullptr || body->json.size() <= largest_put_together);
    const Lane wanted = lane.value_or(default_lane(classification.request_class));
    if (wanted != Lane::interactive && endpoint.kind != EndpointKind::generation)
      treatment.at_once_because = "nothing is generated there";
    else if (wanted != Lane::interactive && treatment.put_together)
      treatment.at_once_because = cannot_be_a_task(body);
    if (!treatment.at_once_because.empty() || wanted == Lane::interactive) return;
    treatment.lane = wanted;
    treatment.power = by_evidence;
  } else if (puts_chats_into_lane(*decision.rule) &&
             may_be_put_into_lane(classification.request_class, endpoint)) {
    treatment.by_rule = true;
    treatment.lane = *lane;
    treatment.power = power_by_rule(may_be_asked_again(endpoint));
  }
}

}  // namespace

bool puts_chats_into_lane(const Rule& rule) {
  if (!rule.then.settings.lane || *rule.then.settings.lane == Lane::interactive) return false;
  const When& when = *rule.when;
  const bool names_class =
      std::any_of(when.classes.begin(), when.classes.end(), [](RequestClass each) { return !is_task(each); });
  const bool names_whom = !when.clients.empty() || !when.headers.empty() || !when.paths.empty() ||
                          !when.models.empty() || !when.body.empty() || when.least_body || when.most_body ||
                          when.stream;
  return names_class || (when.classes.empty() && names_whom);
}

Treatment treatment_of(const Decision& decision, const Classification& classification,
                       const Endpoint& endpoint, const BodyFacts* body) {
  Treatment treatment;
  if (decision.rule == nullptr || !decision.rule->then.laned) return treatment;
  take_lane(decision, classification, endpoint, body, treatment);
  if (!treatment.waits()) return treatment;
  treatment.settings = decision.rule->then.settings;
  LaneSettings& settings = treatment.settings;
  const Power& power = treatment.power;
  if (treatment.lane == Lane::keystroke && !settings.deadline) settings.deadline = keystroke_deadline;
  if (treatment.lane == Lane::blocking) settings.slices = false;  // a person waits: its prompt is asked whole
  treatment.may_be_answered =
      power.may(May::answer) && treatment.put_together && has_empty_answer(classification.request_class);
  const bool held_past_rate = settings.rate && !power.may(May::answer) &&
                              (settings.rate->over == OverRate::answer || !treatment.by_rule);
  if (!treatment.may_be_answered) leave_to_a_model(settings);
  if (held_past_rate) settings.rate->over = OverRate::hold;
  keep_within(power, treatment.put_together, settings);
  return treatment;
}

}  // namespace tasklane
