// `tasklane explain`: what class a request gets, by what evidence, and what would be done with it. Many
// requests are taken as one stream, in order, as a live agent would see them.
#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/decide/decide.h"
#include "shaper/decide/treatment.h"

namespace CLI {
class App;
}

namespace tasklane {

struct ExplainOptions {
  std::string input = "-";  // a file, or "-"
  bool json_lines = false;  // lines of {"path", "headers", "body"}; else one raw HTTP request
  bool json = false;        // one object per input
  bool score = false;       // compare with `label` instead
  std::vector<std::string> packs{"open-webui"};
  std::vector<std::filesystem::path> pack_directories;
  double threshold = 0.5;
};

// What would be done with a request.
struct Handling {
  std::string rule;                         // empty: none matched
  std::vector<std::string> route{"model"};  // names of upstreams, in order
  std::vector<std::string> does;            // in words
  Treatment treatment;
  bool grafts = false;  // the upstream to which it goes first says so
};
using Handle = std::function<Handling(const DecideInput&)>;

// No rules: the original model, untouched and at once.
Handling leave_alone(const DecideInput& input);
// As an agent with this configuration would handle it.
Handling by_rules(const Config& config, const DecideInput& input);

// Exit code: 0 done, 1 a chat was taken for a task (with score), 2 bad input.
int run_explain(const ExplainOptions& options, const Handle& handle, std::istream& in, std::ostream& out,
                std::ostream& err);

void add_explain(CLI::App& app, ExitCode& exit);

}  // namespace tasklane
