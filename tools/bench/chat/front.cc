#include "tools/bench/chat/front.h"

#include <memory>
#include <utility>

#include "tools/bench/chat/watch.h"

namespace tasklane::bench {

std::string text_of(const Asked& asked) { return asked.suggestion.empty() ? "an answer" : asked.suggestion; }

void Direct::ask(Asked asked, Done done) {
  const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
  const std::string text = text_of(asked);
  sim::Work work;
  work.prompt = std::move(asked.prompt);
  work.quoted = std::move(asked.answer);
  model_.submit(std::move(work), asked.answer_tokens,
                {[this, watch] { watch->token(world_.now()); },
                 [this, watch, text, done = std::move(done)](const sim::Usage&) {
                   watch->outcome.total = world_.now() - watch->asked;
                   watch->outcome.text = text;
                   done(watch->outcome);
                 }});
}

}  // namespace tasklane::bench
