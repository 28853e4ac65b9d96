// The command line of `tasklane explain`.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "tools/tasklane/explain.h"

namespace tasklane {

void add_explain(CLI::App& app, ExitCode& exit) {
  struct Line {
    ExplainOptions options;
    std::string lines;
  };
  const auto line = std::make_shared<Line>();
  CLI::App* const verb = app.add_subcommand("explain", "Says what class a request gets, and why");
  verb->add_option("request", line->options.input,
                   "A file with one raw HTTP request; - or nothing: standard input");
  verb->add_option("--jsonl", line->lines,
                   "A file (or -) with lines of {\"path\", \"headers\", \"body\"}, taken as one stream");
  verb->add_flag("--json", line->options.json, "One JSON object per request");
  verb->add_flag("--score", line->options.score, "Compare with each line's \"label\"");
  verb->add_option("--packs", line->options.packs, "Names of rule packs")->capture_default_str();
  verb->add_option("--pack-dir", line->options.pack_directories,
                   "Folders in which packs are looked for first");
  verb->add_option("--threshold", line->options.threshold, "Below this score a request is a chat")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->callback([line, &exit] {
    line->options.json_lines = !line->lines.empty();
    if (line->options.json_lines) line->options.input = line->lines;
    exit = static_cast<ExitCode>(run_explain(line->options, leave_alone, std::cin, std::cout, std::cerr));
  });
}

}  // namespace tasklane
