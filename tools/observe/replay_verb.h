// `tasklane replay`: what would have happened with other rules.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "tools/observe/given_model.h"

namespace CLI {
class App;
}

namespace tasklane {

struct ReplayCommand {
  std::string input;  // a capture, or exported JSON lines
  std::string rules;  // a file; empty: the one-model profile
  observe::GivenModel model;
  double other_upstreams = 4;
  std::set<std::uint16_t> ports;
  std::vector<std::string> packs{"open-webui"};
  bool json = false;
  std::string html;
};

// Exit code: 0 done, 2 bad input.
ExitCode run_replay(const ReplayCommand& command, std::ostream& out, std::ostream& err);

void add_replay(CLI::App& app, ExitCode& exit);

}  // namespace tasklane
