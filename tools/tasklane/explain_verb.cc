// The command line of `tasklane explain`.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "shaper/decide/config.h"
#include "tools/tasklane/explain.h"

namespace tasklane {
namespace {

struct Line {
  ExplainOptions options;
  std::string lines;
  std::string config;
  bool own_packs = false;  // named on the command line, whatever the configuration says
};

ExitCode run(Line& line) {
  line.options.json_lines = !line.lines.empty();
  if (line.options.json_lines) line.options.input = line.lines;
  if (line.config.empty())
    return static_cast<ExitCode>(run_explain(line.options, leave_alone, std::cin, std::cout, std::cerr));
  const auto config = load_config(line.config);
  if (!config) {
    std::cerr << config.error().text() << "\n";
    return config.error().exit;
  }
  if (!line.own_packs) line.options.packs = config->packs;
  line.options.pack_directories.push_back(std::filesystem::path(line.config).parent_path() / "packs");
  line.options.pack_directories.emplace_back("/etc/tasklane/packs");
  const auto handle = [&](const DecideInput& input) { return by_rules(*config, input); };
  return static_cast<ExitCode>(run_explain(line.options, handle, std::cin, std::cout, std::cerr));
}

}  // namespace

void add_explain(CLI::App& app, ExitCode& exit) {
  const auto line = std::make_shared<Line>();
  CLI::App* const verb =
      app.add_subcommand("explain", "Says what class a request gets, why, and what is done with it");
  verb->add_option("request", line->options.input,
                   "A file with one raw HTTP request; - or nothing: standard input")
      ->type_name("FILE");
  verb->add_option("--jsonl", line->lines,
                   "A file (or -) with lines of {\"path\", \"headers\", \"body\"}, taken as one stream")
      ->type_name("FILE");
  verb->add_option("--config", line->config,
                   "The rules; without them every request goes to the original model")
      ->type_name("FILE");
  verb->add_flag("--json", line->options.json, "One JSON object per request");
  verb->add_flag("--score", line->options.score, "Compare with each line's \"label\"");
  CLI::Option* const packs = verb->add_option("--packs", line->options.packs, "Names of rule packs")
                                 ->delimiter(',')
                                 ->capture_default_str();
  verb->add_option("--pack-dir", line->options.pack_directories,
                   "Folders in which packs are looked for first")
      ->type_name("FOLDER");
  verb->add_option("--threshold", line->options.threshold, "Below this score a request is a chat")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  verb->callback([line, packs, &exit] {
    line->own_packs = packs->count() > 0;
    exit = run(*line);
  });
}

}  // namespace tasklane
