#include "userspace/serve/rewarmer.h"

#include <optional>
#include <utility>

#include "shaper/dialect/assemble.h"
#include "shaper/http/head_rewrite.h"
#include "shaper/task/rewarm.h"
#include "userspace/serve/reading.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"
#include "userspace/wire/spawn.h"

namespace tasklane {
namespace {

// Asked for by then, or the person is faster.
constexpr Duration prewarm_within = std::chrono::seconds(30);
// What chats have in common is of use on the next morning too.
constexpr Duration oldest_common = std::chrono::hours(24);
constexpr std::size_t most_common = 8;
// Of a longer chat nobody looks for what it shares with the next one: that takes a tree of it.
constexpr std::size_t longest_with_common = 1U << 20;
constexpr std::size_t most_servers = Book::most_servers;
constexpr int bad_request = 400;
// What a parser has taken for a longer one is given back.
constexpr std::size_t longest_line_in_mind = 64U << 10;

std::size_t tokens_of(const UpstreamFigures& figures) {
  const std::uint64_t prompt = prompt_of(figures);
  return prompt == 0 ? 0 : prompt + figures.generated_tokens.value_or(0);
}

}  // namespace

// Stands in the lane for the request, to be told that it must give way; leaves it however the asking ends.
class Rewarmer::Run : public WaitingTask {
 public:
  Run(RelayContext& context, const Rewarm& wish)
      : request(context.own, {wish.upstream}), lanes_(context.lanes), id_(wish.id) {
    lanes_.enter(id_, *this);
  }
  ~Run() override {
    lanes_.leave(id_);
    lanes_.finished(id_, nullptr);
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void on_start() override {}
  void on_share() override {}
  void on_cancel() override { request.end(); }
  void on_answer(AnswerKind, const std::string&) override {}
  void on_result(std::shared_ptr<const TaskResult>) override {}

  OwnRequests::One request;

 private:
  Lanes& lanes_;
  RequestId id_;
};

Rewarmer::Rewarmer(RelayContext& context, Duration pause)
    : context_(context), pause_(pause), rewarming_(context.book, context.lanes.admission()) {
  context_.lanes.rewarm_with([this](const Rewarm& wish) { begin(wish); });
}

// Of a whole answer, which is put together only where its words are needed.
UpstreamFigures Rewarmer::figures_in(std::string_view answer, Dialect dialect) {
  figures_.begin_anew(dialect);
  figures_.feed(answer);
  figures_.finish();
  UpstreamFigures found = figures_.figures();
  if (answer.size() > longest_line_in_mind) figures_ = AnswerAssembler(dialect, Keep::figures);
  return found;
}

void Rewarmer::remember(const ServerKey& server, RequestId id, ChatPrompt prompt, std::string answer) {
  if (prompts_.size() >= most_servers && !prompts_.contains(server)) {
    for (const auto& [other, known] : prompts_) context_.chats.forget(other);
    prompts_.clear();
  }
  KeptChat& chat = prompt.chat;
  const UpstreamFigures figures = figures_in(answer, chat.dialect);
  const ModelKey model{server, chat.model};
  context_.book.slices(model, chat.dialect).chat(figures);
  context_.book.grafts(model, chat.dialect).other(figures);
  see_cut(prompt, figures);
  const Upstream& wants = context_.config->original();
  Prompts& prompts = prompts_[server];
  prompts.ahead.clear();
  const bool ahead = wants.prewarm && prompt.near && Rewarming::tells_its_time(figures);
  if (ahead && chat.body.size() <= longest_with_common) remember_common(prompts, prompt);
  const bool again = wants.rewarm && prompt.near;
  const bool rewarms = rewarming_.chat_answered(server, id, chat.chat, figures, again, now());
  if (!rewarms && !wants.graft) return forget(server);
  chat.answer = KeptAnswer(std::move(answer), chat.dialect);
  chat.tokens = tokens_of(figures);
  chat.ended = now();
  prompts.prompt = std::make_shared<const ChatPrompt>(std::move(prompt));
  if (wants.graft)
    context_.chats.keep(server, std::shared_ptr<const KeptChat>(prompts.prompt, &prompts.prompt->chat));
}

// The prompt is read again only where what was said may have been cut: tools and images are not counted.
void Rewarmer::see_cut(const ChatPrompt& prompt, const UpstreamFigures& figures) {
  const KeptChat& chat = prompt.chat;
  if (!CutPrompts::may_be_cut(prompt.said, figures)) return;
  const BodyFacts& body = context_.body_reader.read(chat.body, chat.dialect);
  context_.book.cut_prompts().answered({prompt.client, chat.model}, least_tokens(body.messages), figures);
}

void Rewarmer::forget(const ServerKey& server) {
  context_.chats.forget(server);
  if (const auto known = prompts_.find(server); known != prompts_.end()) known->second.prompt.reset();
}

void Rewarmer::remember_common(Prompts& prompts, const ChatPrompt& prompt) {
  std::vector<PrewarmRequest> requests =
      prewarm_requests({PrewarmSource{prompt.chat.body, prompt.chat.dialect}});
  if (requests.empty()) return;
  ChatPrompt common{prompt.origin, prompt.head, {}};
  common.chat.body = std::move(requests.front().body);
  common.chat.dialect = prompt.chat.dialect;
  common.chat.model = prompt.chat.model;
  std::erase_if(prompts.common, [&](const Common& other) {
    return other.prompt->chat.dialect == common.chat.dialect && other.prompt->chat.body == common.chat.body;
  });
  prompts.common.push_front({std::make_shared<const ChatPrompt>(std::move(common)), now()});
  std::size_t bytes = 0;
  for (const Common& each : prompts.common) bytes += each.prompt->head.size() + each.prompt->chat.body.size();
  while (prompts.common.size() > 1 &&
         (prompts.common.size() > most_common || bytes > KeptChats::longest_body)) {
    bytes -= prompts.common.back().prompt->head.size() + prompts.common.back().prompt->chat.body.size();
    prompts.common.pop_back();
  }
}

// Of the newest one's model alone, for another would be loaded in its place; one for each slot. The newest is
// asked last, so that no other takes its place in the cache.
std::vector<Rewarmer::PromptPtr> Rewarmer::to_ask_ahead(const ServerKey& server,
                                                        const Prompts& prompts) const {
  std::vector<PromptPtr> newest_first;
  for (const Common& each : prompts.common) {
    if (newest_first.size() >= context_.lanes.admission().slots(server.name)) break;
    if (each.prompt->chat.model == prompts.common.front().prompt->chat.model)
      newest_first.push_back(each.prompt);
  }
  return newest_first;
}

void Rewarmer::page_opened(const ServerKey& server) {
  sweep(now());
  const auto found = prompts_.find(server);
  if (found == prompts_.end() || found->second.common.empty()) return;
  RewarmSeen& seen = context_.book.rewarm(server);
  const std::string& newest = found->second.common.front().prompt->chat.model;
  if (now() - seen.last_used < pause_ || context_.lanes.admission().is_unloaded(server.name, newest)) return;
  seen.last_used = now();
  found->second.ahead = to_ask_ahead(server, found->second);
  found->second.ahead_until = now() + prewarm_within;
  context_.lanes.prewarm(server.name, found->second.ahead_until);
}

void Rewarmer::sweep(Time at) {
  const Upstream& wants = context_.config->original();
  for (auto& [server, known] : prompts_) {
    const bool wanted = wants.rewarm || wants.graft;
    if (known.prompt && (!wanted || at >= known.prompt->chat.ended + KeptChats::oldest)) known.prompt.reset();
    if (!known.prompt || !wants.graft) context_.chats.forget(server);
    std::erase_if(known.common,
                  [&](const Common& each) { return !wants.prewarm || at >= each.since + oldest_common; });
    if (known.common.empty() || at >= known.ahead_until) known.ahead.clear();
  }
}

std::size_t Rewarmer::kept() const {
  std::size_t count = 0;
  for (const auto& [server, known] : prompts_)
    count += known.common.size() + known.ahead.size() + (known.prompt ? 1 : 0);
  return count;
}

void Rewarmer::begin(const Rewarm& wish) {
  const ServerKey server{wish.upstream};
  Prompts& known = prompts_[server];
  rewarming_.begun(server);
  PromptPtr prompt = known.prompt;
  const bool ahead = !known.ahead.empty();
  if (ahead) {
    prompt = std::move(known.ahead.back());
    known.ahead.pop_back();
  }
  // Whoever took a model out of memory does not want it back for a chat that may not come.
  const bool asks = prompt != nullptr && !context_.own.paused() &&
                    !context_.lanes.admission().is_unloaded(server.name, prompt->chat.model);
  if (!asks) return context_.lanes.finished(wish.id, nullptr);
  spawn(context_.io, "a re-warm", ask(wish, std::move(prompt), ahead));
}

// The last chat's prompt, to be asked again: empty where it cannot be. A large one is written beside the
// loop.
Awaitable<std::string> Rewarmer::body_for(ServerKey server, PromptPtr prompt) {
  const std::string_view answer =
      context_.book.rewarm(server).refuses_answers ? std::string_view() : prompt->chat.answer.words();
  std::string body;
  const auto write = [&] {
    if (Result<std::string> made = rewarm_body(prompt->chat.body, prompt->chat.dialect, answer))
      body = std::move(*made);
  };
  const std::size_t size = prompt->chat.body.size();
  if (size > Reading::largest_at_once && context_.side.has_room(size))
    co_await context_.side.run(size, write);
  else
    write();
  co_return body;
}

Awaitable<void> Rewarmer::ask(Rewarm wish, PromptPtr prompt, bool ahead) {
  std::optional<Run> run(std::in_place, context_, wish);
  const ServerKey server{wish.upstream};
  std::string body;
  if (ahead)
    body = prompt->chat.body;
  else
    body = co_await body_for(server, prompt);
  bool answered = false;
  if (!body.empty() && !run->request.ended())
    answered = co_await ask_now(*run, server, std::move(prompt), std::move(body));
  run.reset();
  Prompts& known = prompts_[server];
  if (!answered)
    known.ahead.clear();  // the person was faster, or the server is not there
  else if (!known.ahead.empty())
    context_.lanes.prewarm(wish.upstream, known.ahead_until);
}

// False: interrupted, or not reached.
Awaitable<bool> Rewarmer::ask_now(Run& run, ServerKey server, PromptPtr prompt, std::string body) {
  HeadChanges changes;
  changes.content_length = body.size();
  changes.other_body = true;
  changes.without = {"Content-Encoding", "Expect", "Accept-Encoding"};
  const std::string bytes = rewrite_head(prompt->head, changes) + body;
  const std::shared_ptr<const Config> config = context_.config;
  const ReachWishes wishes{.dialling = run.request.dialling()};
  Result<UpstreamPtr> reached =
      co_await reach(context_.upstreams, target_of(prompt->origin, config->original()), wishes);
  if (!reached || !run.request.reached(std::move(*reached))) co_return false;
  UpstreamConnection& upstream = run.request.upstream();
  const Time begun = now();
  co_await send_all(upstream.socket(), bytes);
  AnswerAssembler assembler(prompt->chat.dialect, Keep::figures);
  const Collected collected = co_await collect_answer(upstream, assembler, &context_.memory);
  if (collected.status == bad_request) context_.book.rewarm(server).refuses_answers = true;
  if (run.request.ended()) co_return false;
  note(server, prompt, collected, assembler.figures(), begun);
  co_return collected.any_byte;
}

// What it took, where it was the last chat's.
void Rewarmer::note(const ServerKey& server, const PromptPtr& prompt, const Collected& collected,
                    const UpstreamFigures& figures, Time begun) {
  const bool answered = collected.status == 200 && collected.first_byte != Time{};
  if (!answered || prompt != prompts_[server].prompt) return;
  rewarming_.answered(server, prompt->chat, figures, collected.first_byte - begun);
}

}  // namespace tasklane
