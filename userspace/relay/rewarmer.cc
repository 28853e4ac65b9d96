#include "userspace/relay/rewarmer.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "shaper/answer/assemble.h"
#include "shaper/rewrite/head_rewrite.h"
#include "shaper/rewrite/rewarm.h"
#include "userspace/relay/answer_collector.h"
#include "userspace/relay/reach.h"

namespace tasklane {
namespace {

// A person who comes back later than this has waited already, and others may have come.
constexpr Duration oldest_chat = std::chrono::minutes(10);
// Asked for by then, or the person is faster.
constexpr Duration prewarm_within = std::chrono::seconds(30);
constexpr std::size_t most_servers = 64;
constexpr int bad_request = 400;

std::string text_of(const std::string& answer, Dialect dialect) {
  AnswerAssembler assembler(dialect);
  assembler.feed(answer);
  assembler.finish();
  const bool plain = assembler.state() == StreamState::complete && assembler.answer().tool_calls.empty();
  return plain ? assembler.answer().content : std::string();
}

}  // namespace

// Stands in the lane for the request, to be told that it must give way.
class Rewarmer::Run : public WaitingTask {
 public:
  Run(Lanes& lanes, RequestId id) : lanes_(lanes), id_(id) { lanes_.enter(id_, *this); }
  ~Run() override { lanes_.leave(id_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void on_start() override {}
  void on_cancel() override {
    cancelled = true;
    if (upstream) upstream->abort();
  }
  void on_answer(AnswerKind, const std::string&) override {}
  void on_result(std::shared_ptr<const TaskResult>) override {}

  bool cancelled = false;
  UpstreamPtr upstream;

 private:
  Lanes& lanes_;
  RequestId id_;
};

Rewarmer::Rewarmer(RelayContext& context, Duration pause) : context_(context), pause_(pause) {
  context_.lanes.rewarm_with([this](const Rewarm& wish) { begin(wish); });
}

void Rewarmer::remember(const std::string& server, ChatPrompt prompt, const std::string& answer) {
  if (known_.size() >= most_servers && !known_.contains(server)) known_.clear();
  Known& known = known_[server];
  known.last_used = now();
  if (context_.config->original().prewarm) remember_common(known, prompt);
  if (!context_.config->original().rewarm || !known.worth.pays()) return;
  const std::string text = known.refuses_answers ? std::string() : text_of(answer, prompt.dialect);
  Result<std::string> body = rewarm_body(prompt.body, prompt.dialect, text);
  if (!body) return;
  const ChatKey chat = prompt.chat;
  prompt.body = std::move(*body);
  known.prompt = std::make_shared<const ChatPrompt>(std::move(prompt));
  context_.lanes.admission().can_rewarm(server, chat, now() + oldest_chat);
}

void Rewarmer::remember_common(Known& known, const ChatPrompt& prompt) const {
  std::vector<PrewarmRequest> requests = prewarm_requests({PrewarmSource{prompt.body, prompt.dialect}});
  known.common.reset();
  if (requests.empty()) return;
  ChatPrompt common = prompt;
  common.body = std::move(requests.front().body);
  known.common = std::make_shared<const ChatPrompt>(std::move(common));
}

void Rewarmer::page_opened(const std::string& server) {
  const auto found = known_.find(server);
  if (found == known_.end() || !found->second.common || now() - found->second.last_used < pause_) return;
  found->second.last_used = now();
  found->second.prewarm_next = true;
  context_.lanes.prewarm(server, now() + prewarm_within);
}

void Rewarmer::stop() {
  stopped_ = true;
  for (Run* run : running_) run->on_cancel();
}

void Rewarmer::begin(const Rewarm& wish) {
  Known& known = known_[wish.upstream];
  const auto prompt = std::exchange(known.prewarm_next, false) ? known.common : known.prompt;
  if (stopped_ || !prompt) return context_.lanes.finished(wish.id, nullptr);
  asio::co_spawn(context_.io, ask(wish, prompt), asio::detached);
}

Awaitable<void> Rewarmer::ask(Rewarm wish, std::shared_ptr<const ChatPrompt> prompt) {
  Run run(context_.lanes, wish.id);
  running_.insert(&run);
  HeadChanges changes;
  changes.content_length = prompt->body.size();
  changes.without = {"Content-Encoding", "Expect", "Accept-Encoding"};
  const std::string bytes = rewrite_head(prompt->head, changes) + prompt->body;
  const std::shared_ptr<const Config> config = context_.config;
  Result<UpstreamPtr> reached = co_await reach(context_, prompt->origin, config->original(), false);
  if (reached && !run.cancelled) {
    run.upstream = std::move(*reached);
    const Time begun = now();
    co_await send_all(run.upstream->socket(), bytes);
    AnswerAssembler assembler(prompt->dialect, Keep::figures);
    const Collected collected = co_await collect_answer(*run.upstream, assembler);
    Known& known = known_[wish.upstream];
    if (collected.status == bad_request) known.refuses_answers = true;
    if (!run.cancelled && collected.status == 200 && collected.first_byte != Time{} && prompt == known.prompt)
      known.worth.measured(collected.first_byte - begun);
  }
  running_.erase(&run);
  context_.lanes.finished(wish.id, nullptr);
}

}  // namespace tasklane
