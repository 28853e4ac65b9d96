// `tasklane observe`: what stands in a capture, or passes by now, as the agent would see it. Nothing is sent
// and nothing touched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <set>
#include <string>
#include <vector>

#include "tools/observe/capture.h"

namespace CLI {
class App;
}

namespace tasklane {

struct ObserveOptions {
  std::string file;  // empty: live
  observe::LiveOptions live;
  std::set<std::uint16_t> ports;  // of servers; empty: any
  double seconds = 0;             // live: 0: until it is told to end
  bool json = false;
  std::string write;  // a capture
  bool redact = false;
  std::string export_to;  // JSON lines, for `tasklane replay`
  bool advise = false;    // a rule file to `out`, and why to `err`; with `json` both in the object
  std::vector<std::string> packs{"open-webui"};
  std::vector<std::filesystem::path> pack_directories;
};

// Exit code: 0 done, 2 bad input, 3 not permitted.
ExitCode run_observe(const ObserveOptions& options, std::ostream& out, std::ostream& err);

void add_observe(CLI::App& app, ExitCode& exit);

}  // namespace tasklane
