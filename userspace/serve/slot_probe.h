// How many requests a server computes at once: as configured, or as llama-server says. Ollama does not say;
// it is taken to have one slot.
#pragma once

#include <optional>
#include <string>

#include "userspace/serve/relay_context.h"
#include "userspace/serve/target.h"

namespace tasklane {

class SlotProbe {
 public:
  // What is configured is in force from here on. A server that does not answer within `longest_answer` is
  // asked again behind its next answer.
  explicit SlotProbe(RelayContext& context, Duration longest_answer = std::chrono::seconds(5))
      : context_(context), longest_answer_(longest_answer) {
    configure();
  }

  // The configuration was replaced.
  void configure();
  // A server has answered, with this Server field (empty: none).
  void answered(const ServerKey& server, const Target& origin, const Upstream& upstream,
                std::string_view server_field);
  // A server did not answer: when it is there again it may be another.
  void lost(const ServerKey& server) { context_.book.slots(server).asked.reset(); }

 private:
  void use(const ServerKey& server);
  void learn(const ServerKey& server, unsigned slots);
  Awaitable<void> ask(ServerKey server, Target origin, Upstream upstream);
  Awaitable<std::optional<std::string>> get(const std::string& path, const Target& origin,
                                            const Upstream& upstream, int* status);

  RelayContext& context_;
  Duration longest_answer_;
};

}  // namespace tasklane
