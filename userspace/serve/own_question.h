// A GET on Tasklane's own account, to a server of which something is to be known: small, bounded, and ended
// at a word like all that Tasklane asks.
#pragma once

#include <cstddef>
#include <string>

#include "userspace/serve/relay_context.h"
#include "userspace/wire/reach.h"

namespace tasklane {

struct OwnQuestion {
  ServerKey server;  // of whose own requests it is one
  Target to;
  std::string head;                               // the whole request
  Duration longest = std::chrono::seconds(5);     // from the dial to the answer's end
  std::size_t most_bytes = std::size_t{1} << 20;  // of its body; a longer one is cut there
};

struct OwnAnswer {
  static constexpr int ok = 200;
  bool refused = false;  // nobody listens there
  bool ended = false;    // at a word: it says nothing
  int status = 0;        // 0: it did not come so far
  bool whole = false;    // all of it has come, with status 200
  std::string body;      // where it is whole

  // It did not come, or not to its end.
  [[nodiscard]] bool broke() const { return status == 0 || (status == ok && !whole); }
};

// Never throws for what a server does.
Awaitable<OwnAnswer> put(RelayContext& context, OwnQuestion question);

// A head to ask with, without any client's or account's words.
std::string question_head(const std::string& path, const std::string& host);

}  // namespace tasklane
