#include "userspace/serve/rewarmer.h"

#include <optional>
#include <utility>

#include "shaper/dialect/assemble.h"
#include "shaper/http/head_rewrite.h"
#include "shaper/task/rewarm.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

// A person who comes back later than this has waited already, and others may have come.
constexpr Duration oldest_chat = std::chrono::minutes(10);
// Asked for by then, or the person is faster.
constexpr Duration prewarm_within = std::chrono::seconds(30);
// What chats have in common is of use on the next morning too.
constexpr Duration oldest_common = std::chrono::hours(24);
// A turn's own words take less.
constexpr Duration telling_rewarm = std::chrono::seconds(1);
constexpr std::size_t most_common = 8;
constexpr std::size_t most_servers = 64;
constexpr int bad_request = 400;

AnswerAssembler assembled(const std::string& answer, Dialect dialect) {
  AnswerAssembler assembler(dialect);
  assembler.feed(answer);
  assembler.finish();
  return assembler;
}

std::string text_of(const AnswerAssembler& said) {
  const bool plain = said.state() == StreamState::complete && said.answer().tool_calls.empty();
  return plain ? said.answer().content : std::string();
}

// Whether a turn was spared what the re-warm before it took; none: the server does not tell, or that was less
// than the turn's own words may take.
std::optional<bool> in_cache(const UpstreamFigures& turn, Duration rewarm) {
  if (rewarm < telling_rewarm || !turn.prompt_time) return std::nullopt;
  if (turn.cached_tokens && turn.computed_tokens) return *turn.cached_tokens > *turn.computed_tokens;
  return *turn.prompt_time < rewarm * 3 / 4;
}

}  // namespace

// Stands in the lane for the request, to be told that it must give way; leaves it however the asking ends.
class Rewarmer::Run : public WaitingTask {
 public:
  Run(Lanes& lanes, std::set<Run*>& running, RequestId id) : lanes_(lanes), running_(running), id_(id) {
    running_.insert(this);
    lanes_.enter(id_, *this);
  }
  ~Run() override {
    running_.erase(this);
    lanes_.leave(id_);
    lanes_.finished(id_, nullptr);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void on_start() override {}
  void on_cancel() override {
    cancelled = true;
    dialling->give_up();
    if (upstream) upstream->abort();
  }
  void on_answer(AnswerKind, const std::string&) override {}
  void on_result(std::shared_ptr<const TaskResult>) override {}

  bool cancelled = false;
  std::shared_ptr<Dialling> dialling = std::make_shared<Dialling>();
  UpstreamPtr upstream;

 private:
  Lanes& lanes_;
  std::set<Run*>& running_;
  RequestId id_;
};

Rewarmer::Rewarmer(RelayContext& context, Duration pause) : context_(context), pause_(pause) {
  context_.lanes.rewarm_with([this](const Rewarm& wish) { begin(wish); });
}

void Rewarmer::remember(const std::string& server, RequestId id, ChatPrompt prompt,
                        const std::string& answer) {
  if (known_.size() >= most_servers && !known_.contains(server)) known_.clear();
  const AnswerAssembler said = assembled(answer, prompt.dialect);
  context_.slice_worth_of(model_key(server, prompt.model), prompt.dialect).chat(said.figures());
  Known& known = known_[server];
  known.last_used = now();
  known.ahead.clear();
  if (context_.lanes.admission().behind_rewarm(server, id))
    if (const auto found = in_cache(said.figures(), known.last_took)) known.worth.found(*found);
  if (context_.config->original().prewarm) remember_common(known, prompt);
  if (!context_.config->original().rewarm || !known.worth.pays(RewarmOf::answer)) return;
  const std::string text = known.refuses_answers ? std::string() : text_of(said);
  Result<std::string> body = rewarm_body(prompt.body, prompt.dialect, text);
  if (!body) return;
  const Conversation chat = prompt.chat;
  prompt.body = std::move(*body);
  known.prompt = std::make_shared<const ChatPrompt>(std::move(prompt));
  known.prompt_until = now() + oldest_chat;
  known.next = RewarmOf::answer;
  context_.lanes.admission().can_rewarm(server, chat, known.prompt_until);
}

void Rewarmer::remember_common(Known& known, const ChatPrompt& prompt) {
  std::vector<PrewarmRequest> requests = prewarm_requests({PrewarmSource{prompt.body, prompt.dialect}});
  if (requests.empty()) return;
  ChatPrompt common = prompt;
  common.body = std::move(requests.front().body);
  std::erase_if(known.common, [&](const Common& other) {
    return other.prompt->dialect == common.dialect && other.prompt->body == common.body;
  });
  known.common.push_front({std::make_shared<const ChatPrompt>(std::move(common)), now()});
  std::size_t bytes = 0;
  for (const Common& each : known.common) bytes += each.prompt->head.size() + each.prompt->body.size();
  while (known.common.size() > 1 && (known.common.size() > most_common || bytes > longest_body)) {
    bytes -= known.common.back().prompt->head.size() + known.common.back().prompt->body.size();
    known.common.pop_back();
  }
}

// Of the newest one's model alone, for another would be loaded in its place; one for each slot. The newest is
// asked last, so that no other takes its place in the cache.
std::vector<Rewarmer::PromptPtr> Rewarmer::to_ask_ahead(const std::string& server, const Known& known) const {
  std::vector<PromptPtr> newest_first;
  for (const Common& each : known.common) {
    if (newest_first.size() >= context_.lanes.admission().slots(server)) break;
    if (each.prompt->model == known.common.front().prompt->model) newest_first.push_back(each.prompt);
  }
  return newest_first;
}

void Rewarmer::page_opened(const std::string& server) {
  if (paused_) return;
  sweep(now());
  const auto found = known_.find(server);
  if (found == known_.end() || found->second.common.empty() || now() - found->second.last_used < pause_)
    return;
  found->second.last_used = now();
  found->second.ahead = to_ask_ahead(server, found->second);
  found->second.ahead_until = now() + prewarm_within;
  context_.lanes.prewarm(server, found->second.ahead_until);
}

void Rewarmer::sweep(Time at) {
  const Upstream& wants = context_.config->original();
  for (auto& [server, known] : known_) {
    if (!wants.rewarm || at >= known.prompt_until) known.prompt.reset();
    std::erase_if(known.common,
                  [&](const Common& each) { return !wants.prewarm || at >= each.since + oldest_common; });
    if (known.common.empty() || at >= known.ahead_until) known.ahead.clear();
  }
}

std::size_t Rewarmer::kept() const {
  std::size_t count = 0;
  for (const auto& [server, known] : known_)
    count += known.common.size() + known.ahead.size() + (known.prompt ? 1 : 0);
  return count;
}

void Rewarmer::pause(bool on) {
  paused_ = on;
  if (!on) return;
  for (Run* run : running_) run->on_cancel();
}

void Rewarmer::begin(const Rewarm& wish) {
  Known& known = known_[wish.upstream];
  PromptPtr prompt = known.prompt;
  if (!known.ahead.empty()) {
    prompt = std::move(known.ahead.back());
    known.ahead.pop_back();
  }
  known.last_took = {};
  if (paused_ || !prompt) return context_.lanes.finished(wish.id, nullptr);
  spawn(context_.io, "a re-warm", ask(wish, std::move(prompt)));
}

Awaitable<void> Rewarmer::ask(Rewarm wish, PromptPtr prompt) {
  std::optional<Run> run(std::in_place, context_.lanes, running_, wish.id);
  const bool answered = co_await ask_now(*run, wish.upstream, std::move(prompt));
  run.reset();
  Known& known = known_[wish.upstream];
  if (!answered)
    known.ahead.clear();  // the person was faster, or the server is not there
  else if (!known.ahead.empty())
    context_.lanes.prewarm(wish.upstream, known.ahead_until);
}

// False: interrupted, or not reached.
Awaitable<bool> Rewarmer::ask_now(Run& run, const std::string& server, PromptPtr prompt) {
  HeadChanges changes;
  changes.content_length = prompt->body.size();
  changes.other_body = true;
  changes.without = {"Content-Encoding", "Expect", "Accept-Encoding"};
  const std::string bytes = rewrite_head(prompt->head, changes) + prompt->body;
  const std::shared_ptr<const Config> config = context_.config;
  const ReachWishes wishes{.dialling = run.dialling};
  Result<UpstreamPtr> reached =
      co_await reach(context_.upstreams, target_of(prompt->origin, config->original()), wishes);
  if (!reached || run.cancelled) co_return false;
  run.upstream = std::move(*reached);
  const Time begun = now();
  co_await send_all(run.upstream->socket(), bytes);
  AnswerAssembler assembler(prompt->dialect, Keep::figures);
  const Collected collected = co_await collect_answer(*run.upstream, assembler);
  Known& known = known_[server];
  if (collected.status == bad_request) known.refuses_answers = true;
  if (run.cancelled) co_return false;
  if (collected.status == 200 && collected.first_byte != Time{} && prompt == known.prompt) {
    known.last_took = collected.first_byte - begun;
    known.worth.measured(std::exchange(known.next, RewarmOf::lost_prompt), known.last_took);
    if (!known.worth.pays(RewarmOf::lost_prompt))
      context_.lanes.admission().can_rewarm(server, prompt->chat, {});
  }
  co_return collected.any_byte;
}

}  // namespace tasklane
