// One task on its way: waits for its turn in its lane, is asked upstream as a stream, may be cancelled for a
// chat and asked again, and is answered in the form that its client asked for. Not a byte is passed on before
// the answer is whole, so the client never sees what happened in between.
#pragma once

#include <memory>
#include <string>

#include "shaper/decide/decide.h"
#include "shaper/dialect/empty_answer.h"
#include "shaper/task/constrain.h"
#include "shaper/task/slices.h"
#include "userspace/serve/lanes.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/request.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"

namespace tasklane {

// What is known of a task before it waits: copies, for the body's facts do not live that long.
struct TaskPlan {
  Ticket ticket;  // without upstream; its settings are the treatment's, and final
  AnswerForm form;
  Decision decision;
  std::string body;                  // decoded JSON
  std::optional<LocalAnswer> empty;  // the class's empty answer, where it has one
  std::string model;                 // as the client wrote it
  bool json_contract = false;        // the prompt asks for its class's JSON key
  Constraints allowed;               // what its certainty lets it carry
  SchemaBounds bounds = SchemaBounds::of_shipped_template;
};

class TaskRun : public WaitingTask {
 public:
  TaskRun(RelayContext& context, std::shared_ptr<ClientInput> input, const Target& origin,
          const Request& request, TaskPlan plan);
  ~TaskRun() override;
  TaskRun(const TaskRun&) = delete;
  TaskRun& operator=(const TaskRun&) = delete;

  struct Report {
    std::optional<LocalAnswer> answer;  // for the client; none: the connection ends
    std::string upstream;               // that was asked last
    bool asked = false;                 // an upstream was asked at all
    bool client_gone = false;
    std::uint64_t bytes_up = 0;
    Time first_byte{};
  };
  Awaitable<Report> run();

  void on_start() override;
  void on_cancel() override;
  void on_answer(AnswerKind kind, const std::string& text) override;
  void on_result(std::shared_ptr<const TaskResult> result) override;

 private:
  enum class Attempt { answered, failed, cancelled, again };  // again: with fewer constraints
  enum class Sharing { allowed, no };

  Awaitable<Attempt> ask(const Upstream& upstream);
  Awaitable<Attempt> ask_in_turn(const Upstream& upstream);
  Awaitable<Attempt> talk(const Upstream& upstream, const Constrained& asked);
  Awaitable<bool> wait_for_turn();
  Awaitable<std::optional<Collected>> ask_once(const Upstream& upstream, const std::string& bytes,
                                               AnswerAssembler& assembler);
  [[nodiscard]] std::optional<Slices> cut(const Upstream& upstream, const std::string& body,
                                          const SliceOptions& options);
  bool take_slice(const Upstream& upstream, const std::optional<Collected>& collected,
                  const UpstreamFigures& figures, std::size_t tokens, const SliceOptions& cut);
  void judge_known(const Upstream& upstream, const UpstreamFigures& figures);
  Awaitable<bool> prefill(const Upstream& upstream, const std::string& body);
  [[nodiscard]] bool interrupted() const { return cancelled_ || local_ || result_ || gone_; }
  Constrained body_for(const Upstream& upstream) const;
  std::string wire(const Upstream& upstream, std::string_view body) const;
  [[nodiscard]] std::string key_of(const Upstream& upstream) const;
  SliceWorth& slice_worth(const Upstream& upstream);
  void note_slots(const Upstream& upstream, const std::optional<Collected>& collected);
  Ticket ticket_for(const Upstream& upstream, Sharing sharing) const;
  bool enter_lane(const Upstream& upstream, Sharing sharing);
  Attempt conclude(const Upstream& upstream, const AnswerAssembler& assembler, const Collected& collected,
                   const Constrained& asked);
  void take_answer(const Upstream& upstream, const AnswerAssembler& assembler, Time first_byte);
  bool may_ask_with_fewer(const Answer* answer, int status, const Constrained& asked);
  void fail(LocalAnswer error);
  [[nodiscard]] std::shared_ptr<const TaskResult> outcome();
  [[nodiscard]] LocalAnswer own_error(int status, const std::string& message) const;
  [[nodiscard]] std::optional<LocalAnswer> rendered(const TaskResult& result) const;
  [[nodiscard]] std::optional<LocalAnswer> with_text(const std::string& text) const;
  void client_left();
  bool answered_from_cache(const Ticket& ticket);
  void count_if_json(const Answer& answer);
  void remember_suggestion(const Answer& answer);
  void wake();
  void stop_upstream();

  RelayContext& context_;
  std::shared_ptr<ClientInput> input_;
  const Target& origin_;
  const Request& request_;
  TaskPlan plan_;
  Timer signal_;
  UpstreamPtr upstream_;
  std::optional<AnswerCache::Key> cache_key_;  // where the answer is to be kept
  Time begun_;
  bool in_first_lane_ = true;             // its rate has not been paid
  Constraints wanted_;                    // of its body, as things stand
  std::size_t prefilled_ = 0;             // prompt tokens, by slices
  std::optional<KnownPrefix> beginning_;  // of a suggestion's prompt
  bool begins_known_ = false;             // and the server has not yet told of that
  bool fewer_ = false;                    // than it began with, on this upstream
  bool started_ = false;
  bool cancelled_ = false;
  bool client_left_ = false;
  bool gone_ = false;  // and nobody else waits for its answer
  bool in_lane_ = false;
  std::optional<LocalAnswer> local_;  // answered without, or instead of, an upstream
  std::shared_ptr<const TaskResult> result_;
  std::shared_ptr<const TaskResult> last_error_;  // what the last upstream that was tried came to
  Report report_;
};

}  // namespace tasklane
