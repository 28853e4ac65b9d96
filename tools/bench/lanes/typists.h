// People who type, each at an even pace, and their editors, which ask for a completion at every keystroke.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tools/bench/lanes/client.h"

namespace tasklane::bench {

struct Typing {
  std::uint16_t port = 0;
  unsigned typists = 50;  // every other one with an eager editor
  std::size_t keystrokes = 10000;
  Duration time = std::chrono::seconds(60);
};

// What a request came to, as its editor sees it.
enum class Completion {
  model,       // the model's words
  type_ahead,  // the rest of what was suggested before
  superseded,  // empty, for the typist had asked anew
  paused,      // empty, for a chat ran
  late,        // empty, at the deadline
  none,        // no answer by the end
};
const char* to_text(Completion completion);

struct EditorTally {
  std::size_t keystrokes = 0;
  std::size_t asked = 0;
  std::map<Completion, std::vector<double>> answers;  // milliseconds from before the connect to the end
};

struct Typed {
  EditorTally one_in_flight;  // asks again when it has its answer, as Open WebUI's editor does
  EditorTally eager;          // asks at every keystroke
};

Awaitable<Typed> type(asio::io_context& io, Typing typing);

}  // namespace tasklane::bench
