// `tasklane learn`: proposes pack entries for requests that are shaped like tasks and that no pack knows.
// What it prints is for a person to review. Words of the prompts are in it only where the person asks for
// them.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "shaper/base/result.h"

namespace CLI {
class App;
}

namespace tasklane {

struct LearnOptions {
  std::string input = "-";  // JSON lines, as for explain
  std::vector<std::string> packs{"open-webui"};
  std::vector<std::filesystem::path> pack_directories;
  std::size_t least = 3;  // requests that an entry must stand for
  bool texts = false;     // marks may hold words that the requests have in common
  unsigned seconds = 60;  // how long a running agent is listened to, with run_learn_live()
};

// Writes a pack to `out` and remarks to `err`. Exit code: 0 nothing to learn, 1 entries are proposed, 2 bad
// input.
int run_learn(const LearnOptions& options, std::istream& in, std::ostream& out, std::ostream& err);

// From what a running agent sees in `seconds`, instead of from lines.
int run_learn_live(const LearnOptions& options, const std::string& control, std::ostream& out,
                   std::ostream& err);

void add_learn(CLI::App& app, const std::string& control, ExitCode& exit);

}  // namespace tasklane
