// The life of a task, from its plan to what its client is told. It asks nothing and waits for nothing itself:
// it is told what happens, at what time, and says what is to be done next, one thing at a time. The agent
// does that on sockets, the simulation on simulated servers.
//
//   planned ------> waiting      for its turn in the lane of the first server of its route
//   waiting ------> sharing      another asks the same: its answer will do
//                -> due          its turn has come
//   sharing ------> due          the other ended without an answer, and its turn has come
//                -> answered     with the other's answer
//                -> next upstream  the other has failed: this one asks for itself
//   due ----------> dialling     a connection for the next slice of the prompt, or for the whole
//                -> waiting      somebody types: a chat comes before the next slice
//                -> next upstream  this one has gone down or over its budget while the task waited
//   dialling -----> prefilling   a slice of a long prompt
//                -> asking       the whole
//                -> grafting     the whole on top of the chat that it quotes
//                -> next upstream, failed: not reached
//   prefilling ---> due          the next slice, or the whole
//   asking -------> answered
//                -> due          once more, as the client sent it
//                -> next upstream, failed
//   grafting -----> answered
//                -> due          as a prompt of its own: that gave no answer
//   next upstream -> waiting     in the next server's lane; one that is down, over its budget or cannot be
//                                asked in its dialect is passed over, at the start too
//                -> answered     empty, where that is the last one
//
// From due, dialling, prefilling, asking and grafting a chat takes it back to waiting (by stopping, where
// something is on its way: until that has ended); the lane may answer it at any time; and it is gone with its
// client, unless others share its answer. Answered, failed and gone are the ends.
//
//   event          comes in
//   started        waiting, sharing, stopping
//   shared         waiting, sharing
//   cancelled      due, dialling, prefilling, asking, grafting, stopping
//   answered       all but planned, next upstream and the ends
//   given          sharing
//   client_left    all
//   dialled        dialling, stopping
//   replied        prefilling, asking, grafting, stopping
//
// Any other pair changes nothing and is counted: see unexpected(). Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shaper/admit/admission.h"
#include "shaper/count/statistics.h"
#include "shaper/dialect/assemble.h"
#include "shaper/server/bill.h"
#include "shaper/server/book.h"
#include "shaper/task/answer_cache.h"
#include "shaper/task/graft.h"
#include "shaper/task/kept_chats.h"
#include "shaper/task/plan.h"
#include "shaper/task/slices.h"
#include "shaper/task/task_result.h"
#include "shaper/task/verdict.h"

namespace tasklane {

// An upstream of the task's route, and where it is for its client.
struct Hop {
  const Upstream* upstream = nullptr;
  ServerKey server;
  std::string compute{};  // the server on the same machine whose chats it would slow; may be empty
};

// What is to be done next. Each but Wait and Done is followed by the next one at once, unless it says else.
namespace effect {
struct Wait {};  // until an event comes
struct EnterLane {
  Ticket ticket;
};
struct Dial {  // then tell dialled()
  const Hop* hop = nullptr;
  bool may_reuse = true;       // a kept connection
  bool others_behind = false;  // another address of the same upstream serves as well
};
struct Send {  // on the connection that was dialled; then tell replied()
  std::string body;
  Keep keep = Keep::answer;
  Dialect dialect = Dialect::none;  // of the body, and of the answer to it
};
struct Rest {};          // in its lane, until it is started anew
struct StopUpstream {};  // what is on its way; its end is told all the same
struct LeaveLane {       // and whoever shares its answer gets this; never null
  std::shared_ptr<const TaskResult> result;
};
struct Done {
  std::optional<LocalAnswer> answer;  // for the client; none: it has gone
};
}  // namespace effect
// How long what was sent may take before the next upstream is asked; none: as long as it takes.
struct Patience {
  std::optional<Duration> silence;  // until something of the answer comes, and behind each piece
  std::optional<Duration> whole;
};

using Effect = std::variant<effect::Wait, effect::EnterLane, effect::Dial, effect::Send, effect::Rest,
                            effect::StopUpstream, effect::LeaveLane, effect::Done>;

class Life {
 public:
  enum class State : std::uint8_t {
    planned,
    waiting,
    sharing,
    due,
    dialling,
    prefilling,
    asking,
    grafting,
    stopping,
    next_upstream,
    answered,
    failed,
    gone
  };
  enum class Event : std::uint8_t {
    started,
    shared,
    cancelled,
    answered,
    given,
    client_left,
    dialled,
    replied
  };
  [[nodiscard]] static bool may_come(Event event, State state);

  // What it learns from and tells; all of it outlives the task.
  struct Around {
    Book& book;
    Admission& admission;
    AnswerCache& answers;
    const KeptChats& chats;
    Statistics& statistics;
    const Canonical& canonical;
    const bool& bypass;  // nothing is asked but what clients ask: no slices, no grafts
  };
  // `route`: at least one hop; the upstreams outlive the task.
  Life(Around around, TaskPlan plan, std::vector<Hop> route);

  // From its lane.
  void started();
  void shared();
  void cancelled();
  void answered(AnswerKind kind, const std::string& text);
  void given(std::shared_ptr<const TaskResult> result, Time now);  // by the one whose answer it shares
  // From its client; `others_wait` for its answer.
  void client_left(bool others_wait);
  // From the upstream. `problem`: why it was not reached, in few words.
  void dialled(const std::optional<std::string>& problem, Time now);
  void replied(const Reply& reply, const AnswerAssembler& assembler, Time now);

  // Of whose servers it is to be known, before next() is asked, which models they hold in memory, and what is
  // known is old. What stays unknown is taken for no.
  [[nodiscard]] std::vector<const Hop*> to_be_looked_at(Time now) const;

  // Of what is on its way. Only where another upstream is left: else there is nobody who would serve sooner.
  [[nodiscard]] Patience patience(Time now) const;
  // It was found to be away since it was asked, and another is left.
  [[nodiscard]] bool is_left_alone(Time now) const;

  // While a Dial or a Send is on its way, nothing but StopUpstream and Wait.
  Effect next(Time now);

  // For those who share its answer, where it ends before its time.
  [[nodiscard]] bool in_lane() const { return in_lane_; }
  [[nodiscard]] std::shared_ptr<const TaskResult> given_up() const;

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const TaskPlan& plan() const { return plan_; }
  [[nodiscard]] const Upstream& upstream() const { return *hop().upstream; }  // of the last hop so far
  [[nodiscard]] bool asked() const { return asked_; }                         // an upstream, at all
  [[nodiscard]] bool has_client() const { return !client_left_; }
  [[nodiscard]] unsigned unexpected() const { return unexpected_; }

 private:
  // A long prompt in growing prefixes, so that a chat which comes meanwhile waits for one of them at most.
  struct Prefill {
    SliceOptions options;
    std::optional<Slices> slices;  // none: the prompt is asked whole
    std::size_t asked = 0;         // parts
    std::optional<std::size_t> part;
    std::size_t tokens = 0;                // of the prompt, known to be in the server's cache
    std::optional<KnownPrefix> beginning;  // of a suggestion's prompt
    bool begins_known = false;             // and the server has not yet told of that
    bool in_slot = false;                  // nothing else was asked in that one's slot since
  };

  bool expect(Event event);
  [[nodiscard]] const Hop& hop() const { return route_[index_]; }
  [[nodiscard]] ModelKey model_key() const;
  [[nodiscard]] Dialect dialect() const { return dialect_; }
  [[nodiscard]] Dialect asked_dialect() const;
  [[nodiscard]] MadeBody body() const;
  [[nodiscard]] SliceWorth& slice_worth() const;
  void want(Time now);
  Effect enter(const MadeBody& made, Time now);
  Effect pass_over(Time now);
  Effect go_on(Time now);
  Effect dial(Time now);
  Effect send(Time now);
  Effect end();
  [[nodiscard]] Ticket ticket(const MadeBody& made, Time now) const;
  bool answered_from_cache(const Ticket& ticket, Time now);
  void prepare(Time now);
  [[nodiscard]] std::optional<Graft> grafted(Time now) const;
  [[nodiscard]] KnownPrefix known_beginning() const;
  [[nodiscard]] bool costs_the_chat_its_prompt(Time now) const;
  [[nodiscard]] bool comes_too_late(Time now) const;
  [[nodiscard]] GraftWorth& graft_worth() const;
  void next_part();
  void see_chat_found(const UpstreamFigures& figures);
  void take_chat(std::size_t part, const UpstreamFigures& figures);
  void take_slice(const Reply& reply, const UpstreamFigures& figures);
  void judge_known(const UpstreamFigures& figures);
  void conclude(const Reply& reply, const AnswerAssembler& assembler, Time now);
  void conclude_graft(const Reply& reply, const AnswerAssembler& assembler, Time now);
  [[nodiscard]] bool changed_riskily() const;
  void ask_once_more(Trouble trouble);
  [[nodiscard]] std::optional<int> priority(Time now) const;
  [[nodiscard]] bool goes_beside_chats(const MadeBody& made) const;
  bool learn_priority(const Reply& reply, const AnswerAssembler& assembler, Time now);
  void hold_after_all(Time now);
  [[nodiscard]] bool another_is_left(Time now) const;
  void take(Answer answer, const Reply& reply, bool whole, Time now);
  void remember_suggestion(const Answer& answer, Time now);
  void stop();
  void stopped();
  void fail(LocalAnswer error);
  [[nodiscard]] UpstreamPage& upstream_page() const;
  [[nodiscard]] std::optional<std::string> unavailable(Time now) const;
  [[nodiscard]] Money paid_last_day(Time now) const;
  void judge_upstream(const Reply& reply, const AnswerAssembler& assembler, Time now);
  void settle(const Reply& reply, const AnswerAssembler& assembler, Time now);
  [[nodiscard]] LocalAnswer own_error(int status, const std::string& message) const;
  [[nodiscard]] LocalAnswer with_text(const std::string& text) const;

  Around around_;
  TaskPlan plan_;
  std::vector<Hop> route_;
  State state_ = State::planned;
  std::size_t index_ = 0;            // of the hop
  Dialect dialect_ = Dialect::none;  // in which that is asked; none: it cannot be
  Time begun_{};
  bool begun_once_ = false;  // its rate has been paid
  bool may_share_ = true;
  bool in_lane_ = false;

  Constraints wanted_;                // of its body, as things stand
  std::optional<int> priority_;       // of its body; none: it carries none
  bool priority_refused_ = false;     // maybe: it is asked once more without, and else as it was
  bool beside_chats_ = false;         // it did not wait for them, for its server lets them go first
  std::optional<Trouble> once_more_;  // asked as the client sent it, for this reason
  Constraints applied_before_ = no_constraints;
  MadeBody made_;
  std::optional<Graft> graft_;  // none: it is asked by its own prompt
  Prefill prefill_;
  std::shared_ptr<const Present> present_;  // at an upstream that has a name
  std::optional<Health::Attempt> attempt_;  // while something is on its way to an upstream that has a name
  std::optional<Bill> bill_;                // of what is on its way

  bool never_graft_ = false;  // it was tried, in vain
  bool reconnects_ = false;
  bool to_send_ = false;
  bool prepared_ = false;
  bool stop_due_ = false;
  bool turn_ = false;  // has come while something was being stopped
  bool gone_ = false;
  bool client_left_ = false;
  bool asked_ = false;
  std::optional<AnswerCache::Key> cache_key_;  // where the answer is to be kept
  std::optional<LocalAnswer> local_;           // answered without, or instead of, an upstream
  std::shared_ptr<const TaskResult> result_;
  std::shared_ptr<const TaskResult> last_error_;  // what the last upstream that was tried came to
  unsigned unexpected_ = 0;
};

std::string_view to_text(Life::State state);
std::string_view to_text(Life::Event event);

}  // namespace tasklane
