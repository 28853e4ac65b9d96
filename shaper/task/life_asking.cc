// What a task asks of its upstream, in which slices, and what becomes of the answers.
#include <utility>

#include "shaper/dialect/contract.h"
#include "shaper/dialect/suggestion.h"
#include "shaper/http/status.h"
#include "shaper/task/life.h"

namespace tasklane {
namespace {

using http_status::bad_gateway;
using http_status::bad_request;
using http_status::ok;

}  // namespace

GraftWorth& Life::graft_worth() const { return around_.book.grafts(model_key(), dialect()); }

SliceWorth& Life::slice_worth() const { return around_.book.slices(model_key(), dialect()); }

MadeBody Life::body() const {
  const Then& then = plan_.decision.rule->then;
  BodyWish wish{plan_.ticket.request_class, plan_.json_contract, then, upstream()};
  if (plan_.ticket.settings.align) wish.chat = around_.book.model(model_key()).chat_options;
  wish.wanted = once_more_ ? no_constraints : wanted_;
  wish.as_stream = !once_more_ && wanted_.stream;
  wish.bounds = plan_.bounds;
  wish.dialect = dialect();
  if (!once_more_) wish.priority = priority_;
  return plan_.body.made(wish);
}

// On top of the chat that it quotes, where that is the server's last one and it pays. Where other work has
// pushed the chat's prompt out, it comes back with the task; a suggestion would be too late then.
std::optional<Graft> Life::grafted(Time now) const {
  if (around_.bypass || once_more_ || never_graft_ || !plan_.may_graft || !upstream().graft) return {};
  const std::shared_ptr<const KeptChat> chat = around_.chats.of(hop().server, now);
  // With several slots a chat that comes meanwhile would be put into another one, without its prompt, for its
  // own is not free before the server has noticed that the task has left.
  if (chat == nullptr || around_.admission.slots(hop().server.name) > 1) return {};
  const Ticket& ticket = plan_.ticket;
  Result<Graft> made = graft({*chat, made_.json, dialect(), ticket.request_class, model_key().model,
                              ticket.tenant, begun_, plan_.named_chat, around_.chats.has_twins(*chat, now)});
  GraftWorth& worth = graft_worth();
  const bool too_late = ticket.lane == Lane::keystroke && around_.admission.found_prompt_lost(ticket.id) &&
                        !worth.kept_through();
  if (!made || too_late || !worth.pays(made->chat_tokens)) return {};
  return std::move(*made);
}

// What it would push out takes longer to bring back than a share of the time allows.
bool Life::costs_the_chat_its_prompt(Time now) const {
  return plan_.ticket.lane == Lane::keystroke && plan_.empty && upstream().graft && !graft_ &&
         graft_worth().is_pushed_out() && !around_.admission.found_prompt_lost(plan_.ticket.id) &&
         around_.chats.of(hop().server, now) != nullptr;
}

// The server would still be reading it when nobody wants it any more: it would only be in a chat's way.
bool Life::comes_too_late(Time now) const {
  const std::optional<Duration>& deadline = plan_.ticket.settings.deadline;
  if (plan_.ticket.lane != Lane::keystroke || !plan_.empty || !deadline) return false;
  if (!prefill_.slices || prefill_.asked > 0) return false;
  return !slice_worth().may_read(prefill_.slices->unread_tokens(), begun_ + *deadline - now);
}

KnownPrefix Life::known_beginning() const {
  if (!graft_) return slice_worth().suggestion(prefill_.in_slot);
  return around_.admission.found_prompt_lost(plan_.ticket.id) ? KnownPrefix()
                                                              : graft_worth().suggestion(graft_->chat);
}

// The body as things stand now, on top of its chat or not, in slices or whole.
void Life::prepare(Time now) {
  made_ = body();
  prefill_ = {};
  reconnects_ = false;
  graft_ = grafted(now);
  if (graft_ && made_.has_priority) graft_->json["priority"] = *priority_;
  const SliceWorth& worth = slice_worth();
  const std::optional<SliceOptions> options = worth.options();
  // Where chats may never come, and each request may cost money, none is made to learn what slices are worth.
  const bool untried = upstream().own_compute && !worth.known();
  const bool keystroke = plan_.ticket.lane == Lane::keystroke;
  if (around_.bypass || once_more_ || !plan_.ticket.settings.slices || untried || !options) return;
  if (upstream().service) return;  // each may cost money, and no chat waits behind it
  if (made_.has_priority) return;  // its server slices itself, and lets chats go first
  prefill_.in_slot = around_.admission.last_is_in_slot(plan_.ticket.id);
  const KnownPrefix known = keystroke ? known_beginning() : KnownPrefix();
  prefill_.options = *options;
  prefill_.slices = Slices::cut(graft_ ? graft_->json : made_.json, dialect(), *options, known);
  if (!prefill_.slices) return;
  if (keystroke) prefill_.beginning = prefill_.slices->beginning();
  prefill_.begins_known = prefill_.slices->known_bytes() > 0;
  next_part();
}

void Life::next_part() {
  // A few tokens begin as any prompt does: of several slots the first part would take anyone's, and the next
  // ones, which are more than ten times as long, yet another.
  const bool takes_a_slot = prefill_.asked == 0 && around_.admission.slots(hop().server.name) > 1;
  const bool in_parts = around_.admission.chat_beside(plan_.ticket.id) && !takes_a_slot;
  const std::size_t step = in_parts ? 1 : prefill_.options.parts;
  if (!around_.bypass) prefill_.part = prefill_.slices->next(prefill_.asked, step);
}

void Life::judge_known(const UpstreamFigures& figures) {
  if (std::exchange(prefill_.begins_known, false))
    slice_worth().suggestion_goes_on(figures, prefill_.in_slot);
}

void Life::take_slice(const Reply& reply, const UpstreamFigures& figures) {
  const std::size_t part = *std::exchange(prefill_.part, std::nullopt);
  SliceWorth& worth = slice_worth();
  if (reply.status == bad_request && !graft_) worth.refused();
  if (reply.status != ok || !reply.whole) return;  // what is left is asked whole
  if (graft_ && prefill_.tokens == 0) return take_chat(part, figures);
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

// The first figures of a graft.
void Life::see_chat_found(const UpstreamFigures& figures) {
  const bool expected = !around_.admission.found_prompt_lost(plan_.ticket.id);
  graft_worth().answered(figures, graft_->chat_tokens, expected, slice_worth().rate());
  graft_->read_tokens = figures.computed_tokens.value_or(0) + graft_->added_tokens;
}

// An answer that its client can use, or none: then it is asked as it came, at once.
void Life::conclude_graft(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  RelayCounters& counters = around_.statistics.relay();
  const Ticket& asked = plan_.ticket;
  Verdict verdict = judge({reply, assembler, asked.request_class, plan_.json_contract, made_.applied.cap});
  const bool whole = assembler.state() == StreamState::complete;
  if (verdict.answer && !verdict.trouble && whole && verdict.answer->tool_calls.empty()) {
    const UpstreamFigures& figures = assembler.figures();
    if (prefill_.tokens > 0 || figures.computed_tokens) slice_worth().whole(figures, prefill_.tokens);
    if (prefill_.tokens == 0) see_chat_found(figures);
    around_.admission.on_chats_prompt(asked.id, OnPrompt::brought_back);
    ++counters.grafted;
    counters.graft_tokens_spared += asked.prompt_tokens - std::min(asked.prompt_tokens, graft_->read_tokens);
    return take(std::move(*verdict.answer), reply, true, now);
  }
  ++counters.graft_refused;
  graft_worth().in_vain();
  if (reply.status == bad_request) graft_worth().too_long(graft_->chat_tokens);
  never_graft_ = true;
  prepared_ = false;
}

// The first slice of a graft is the chat and what comes behind it.
void Life::take_chat(std::size_t part, const UpstreamFigures& figures) {
  prefill_.begins_known = false;
  if (!around_.admission.found_prompt_lost(plan_.ticket.id))
    slice_worth().behind(graft_->chat_tokens, figures);
  prefill_.tokens = prompt_of(figures);
  if (prefill_.tokens == 0) return;
  see_chat_found(figures);
  prefill_.asked = part + 1;
  next_part();
}

void Life::conclude(const Reply& reply, const AnswerAssembler& assembler, Time now) {
  if (reply.status == ok) {
    judge_known(assembler.figures());
    slice_worth().whole(assembler.figures(), prefill_.tokens);
    if (prefill_.tokens == 0) graft_worth().other(assembler.figures());
    around_.book.cut_prompts().answered({plan_.client, model_key().model}, plan_.least_tokens,
                                        assembler.figures());
  }
  Verdict verdict =
      judge({reply, assembler, plan_.ticket.request_class, plan_.json_contract, made_.applied.cap});
  if (verdict.trouble && !once_more_ && changed_riskily()) return ask_once_more(*verdict.trouble);
  if (verdict.answer) {
    // Only now is it known that it was what had been changed, and no other fault of the request.
    if (once_more_ && !verdict.trouble)
      around_.book.model(model_key()).constraints.remember(fewer(wanted_, applied_before_, *once_more_), now);
    return take(std::move(*verdict.answer), reply, assembler.state() == StreamState::complete, now);
  }
  // A service's own words may name keys and accounts; and others may be of another dialect.
  if (!upstream().service && dialect() == plan_.form.dialect)
    if (std::optional<LocalAnswer> words = words_of_failure(reply, assembler, plan_.form))
      return fail(std::move(*words));
  const std::string what =
      reply.status == ok && !assembler.problem().empty() ? "gave no answer: " + assembler.problem()
      : reply.status != ok && reply.status != 0 ? "answered with status " + std::to_string(reply.status)
                                                : "broke off";
  fail(own_error(bad_gateway, "upstream '" + upstream().name + "' " + what));
}

// Ollama takes "stream" everywhere; "stream_options" not every server knows.
bool Life::changed_riskily() const {
  return made_.applied.any() || (made_.made_stream && !dialect_row(dialect()).usage_unless_asked);
}

// Exactly as the client sent it, but for what rules change.
void Life::ask_once_more(Trouble trouble) {
  if (trouble == Trouble::refused) ++around_.statistics.relay().constraint_refused;
  once_more_ = trouble;
  applied_before_ = made_.applied;
  prepared_ = false;
}

void Life::take(Answer answer, const Reply& reply, bool whole, Time now) {
  if (graft_)
    graft_worth().asked(graft_->chat, std::move(prefill_.beginning).value_or(KnownPrefix()));
  else if (prefill_.beginning)
    slice_worth().suggested(std::move(*prefill_.beginning));
  if (plan_.json_contract) {
    RelayCounters& counters = around_.statistics.relay();
    ++counters.json_answers;
    if (!keeps_contract(plan_.ticket.request_class, answer.content)) ++counters.json_unreadable;
  }
  auto result = std::make_shared<TaskResult>();
  result->answer = std::move(answer);
  if (!upstream().service) {
    result->reason = reply.reason;
    result->fields = reply.fields;
  }
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
