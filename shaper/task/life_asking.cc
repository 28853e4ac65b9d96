// What a task asks of its upstream, in which slices, and what becomes of the answers.
#include <utility>

#include "shaper/dialect/contract.h"
#include "shaper/dialect/suggestion.h"
#include "shaper/task/life.h"

namespace tasklane {
namespace {

constexpr int ok = 200;
constexpr int bad_request = 400;
constexpr int bad_gateway = 502;

}  // namespace

SliceWorth& Life::slice_worth() const { return around_.book.slices(model_key(), plan_.form.dialect); }

MadeBody Life::body() const {
  const Then& then = plan_.decision.rule->then;
  BodyWish wish{plan_.ticket.request_class, plan_.json_contract, then, upstream()};
  if (plan_.ticket.settings.align) wish.chat = around_.book.model(model_key()).chat_options;
  wish.wanted = once_more_ ? no_constraints : wanted_;
  wish.as_stream = !once_more_ && wanted_.stream;
  wish.bounds = plan_.bounds;
  return plan_.body.made(wish);
}

// The body as things stand now, and in which slices.
void Life::prepare() {
  made_ = body();
  prefill_ = {};
  reconnects_ = false;
  const SliceWorth& worth = slice_worth();
  const std::optional<SliceOptions> options = worth.options();
  // Where chats may never come, and each request may cost money, none is made to learn what slices are worth.
  const bool untried = upstream().own_compute && !worth.known();
  const bool keystroke = plan_.ticket.lane == Lane::keystroke;
  if (around_.bypass || once_more_ || !plan_.ticket.settings.slices || untried || !options) return;
  const KnownPrefix known = keystroke ? worth.suggestion() : KnownPrefix();
  prefill_.options = *options;
  prefill_.slices = Slices::cut(made_.json, plan_.form.dialect, *options, known);
  if (!prefill_.slices) return;
  if (keystroke) prefill_.beginning = prefill_.slices->beginning();
  prefill_.begins_known = prefill_.slices->known_bytes() > 0;
  next_part();
}

void Life::next_part() {
  const std::size_t step = around_.admission.chat_beside(plan_.ticket.id) ? 1 : prefill_.options.parts;
  if (!around_.bypass) prefill_.part = prefill_.slices->next(prefill_.asked, step);
}

void Life::judge_known(const UpstreamFigures& figures) {
  if (std::exchange(prefill_.begins_known, false)) slice_worth().suggestion_goes_on(figures);
}

void Life::take_slice(const Reply& reply, const UpstreamFigures& figures) {
  const std::size_t part = *std::exchange(prefill_.part, std::nullopt);
  SliceWorth& worth = slice_worth();
  if (reply.status == bad_request) worth.refused();
  if (reply.status != ok || !reply.whole) return;  // what is left is asked whole
  judge_known(figures);
  prefill_.tokens = worth.slice(figures, prefill_.slices->tokens(part), prefill_.tokens, prefill_.options);
  const std::optional<SliceOptions> anew = worth.options();
  if (!anew || anew->first_tokens != prefill_.options.first_tokens) {
    prefill_.tokens = 0;  // what was prefilled is lost, or nothing is known of it
    return;
  }
  prefill_.asked = part + 1;
  next_part();
}

void Life::conclude(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  if (reply.status == ok) {
    judge_known(assembler.figures());
    slice_worth().whole(assembler.figures(), prefill_.tokens);
  }
  Verdict verdict =
      judge({reply, assembler, plan_.ticket.request_class, plan_.json_contract, made_.applied.cap});
  if (verdict.trouble && !once_more_ && changed_riskily()) return ask_once_more(*verdict.trouble);
  if (verdict.answer) {
    // Only now is it known that it was what had been changed, and no other fault of the request.
    if (once_more_ && !verdict.trouble)
      around_.book.model(model_key()).constraints.remember(fewer(wanted_, applied_before_, *once_more_), now);
    return take(std::move(*verdict.answer), assembler.state() == StreamState::complete, now);
  }
  if (std::optional<LocalAnswer> words = words_of_failure(reply, assembler, plan_.form))
    return fail(std::move(*words));
  const std::string what = reply.status == ok && !assembler.problem().empty()
                               ? "gave no answer: " + assembler.problem()
                               : "broke off";
  fail(own_error(bad_gateway, "upstream '" + upstream().name + "' " + what));
}

// Ollama takes "stream" everywhere; "stream_options" not every server knows.
bool Life::changed_riskily() const {
  return made_.applied.any() || (made_.made_stream && !dialect_row(plan_.form.dialect).usage_unless_asked);
}

// Exactly as the client sent it, but for what rules change.
void Life::ask_once_more(Trouble trouble) {
  if (trouble == Trouble::refused) ++around_.statistics.relay().constraint_refused;
  once_more_ = trouble;
  applied_before_ = made_.applied;
  prepared_ = false;
}

void Life::take(Answer answer, bool whole, Time now) {
  if (prefill_.beginning) slice_worth().suggested(std::move(*prefill_.beginning));
  if (plan_.json_contract) {
    RelayCounters& counters = around_.statistics.relay();
    ++counters.json_answers;
    if (!keeps_contract(plan_.ticket.request_class, answer.content)) ++counters.json_unreadable;
  }
  auto result = std::make_shared<TaskResult>();
  result->answer = std::move(answer);
  result->answer->created = std::chrono::system_clock::now();  // for clients of another dialect
  remember_suggestion(*result->answer, now);
  if (cache_key_ && whole)
    around_.answers.keep(*cache_key_, std::make_shared<const Answer>(*result->answer),
                         now + *plan_.ticket.settings.cache);
  result_ = std::move(result);
  state_ = State::answered;
}

void Life::remember_suggestion(const Answer& answer, Time now) {
  if (plan_.ticket.request_class != RequestClass::autocomplete) return;
  if (const std::optional<std::string> suggestion = suggestion_in(answer.content))
    around_.admission.suggested(plan_.ticket.editor, plan_.ticket.typed, *suggestion, now);
}

}  // namespace tasklane
