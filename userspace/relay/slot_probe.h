// How many requests a server computes at once: as configured, or as llama-server says at /props. Ollama does
// not say; it is taken to have one slot.
#pragma once

#include <map>
#include <set>
#include <string>

#include "userspace/relay/relay_context.h"

namespace tasklane {

class SlotProbe {
 public:
  explicit SlotProbe(RelayContext& context) : context_(context) {}

  // A server has answered, with this Server field (empty: none).
  void answered(const std::string& server, const Origin& origin, const Upstream& upstream,
                std::string_view server_field);
  // Ends what runs.
  void stop();

 private:
  Awaitable<void> ask(std::string server, Origin origin, Upstream upstream);

  RelayContext& context_;
  std::map<std::string, Time> asked_;  // by server; when last
  std::set<UpstreamPtr> running_;
};

}  // namespace tasklane
