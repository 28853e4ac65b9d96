// Keeps the last chat's prompt of each server, in memory alone, for the tasks that quote it, and asks it
// again with one token when the lanes say so: then the chat's next turn finds it in the server's cache.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shaper/dialect/assemble.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/task/rewarming.h"
#include "userspace/serve/lanes.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_collector.h"

namespace tasklane {

struct ChatPrompt {
  Target origin;
  std::string head;  // of its request, as it came
  KeptChat chat;
  std::string client{};  // its address
  std::size_t said = 0;  // bytes of text in its messages, without the assistant's
  bool near = false;     // its server is on this machine, or on a private network
};

class Rewarmer {
 public:
  // A page that is opened within `pause` finds its server as the last chat left it.
  explicit Rewarmer(RelayContext& context, Duration pause = std::chrono::minutes(1));

  // Whether a chat of this size is worth keeping in mind.
  [[nodiscard]] static bool keeps(std::size_t body_size) { return body_size <= KeptChats::longest_body; }
  // The chat `id` was answered with `answer`, a whole body in its dialect, of which `prompt` has no word yet.
  // Call it before it leaves its lane.
  void remember(const ServerKey& server, RequestId id, ChatPrompt prompt, std::string answer);
  // The last chat that this server has seen is none that is kept.
  void forget(const ServerKey& server);
  // The front end's page was opened: after a pause the last chats' system prompts and tools are asked for,
  // one for each slot, so that the model is loaded and finds them when the person sends.
  void page_opened(const ServerKey& server);
  // Forgets what is too old or no longer wanted. About once a second.
  void sweep(Time at);
  // Prompts in mind.
  [[nodiscard]] std::size_t kept() const;

 private:
  using PromptPtr = std::shared_ptr<const ChatPrompt>;
  struct Common {
    PromptPtr prompt;
    Time since;  // a chat had it last
  };
  struct Prompts {
    PromptPtr prompt;
    std::deque<Common> common;     // what next chats may share with the last ones; newest first
    std::vector<PromptPtr> ahead;  // of them, what the opened page has still to be asked; the next at the end
    Time ahead_until{};
  };
  class Run;

  void begin(const Rewarm& wish);
  Awaitable<void> ask(Rewarm wish, PromptPtr prompt, bool ahead);
  Awaitable<std::string> body_for(ServerKey server, PromptPtr prompt);
  Awaitable<bool> ask_now(Run& run, ServerKey server, PromptPtr prompt, std::string body);
  void note(const ServerKey& server, const PromptPtr& prompt, const Collected& collected,
            const UpstreamFigures& figures, Time begun);
  UpstreamFigures figures_in(std::string_view answer, Dialect dialect);
  void see_cut(const ChatPrompt& prompt, const UpstreamFigures& figures);
  static void remember_common(Prompts& prompts, const ChatPrompt& prompt);
  [[nodiscard]] std::vector<PromptPtr> to_ask_ahead(const ServerKey& server, const Prompts& prompts) const;

  RelayContext& context_;
  Duration pause_;
  Rewarming rewarming_;
  AnswerAssembler figures_{Dialect::none, Keep::figures};  // of the answer that is looked at
  std::map<ServerKey, Prompts> prompts_;                   // of the servers on which chats are rewarmed
};

}  // namespace tasklane
