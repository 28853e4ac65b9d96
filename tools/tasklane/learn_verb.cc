// The command line of `tasklane learn`.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "tools/tasklane/learn.h"

namespace tasklane {

void add_learn(CLI::App& app, ExitCode& exit) {
  const auto options = std::make_shared<LearnOptions>();
  CLI::App* const verb = app.add_subcommand(
      "learn", "Proposes pack entries for requests that look like tasks and that no pack knows");
  verb->add_option("requests", options->input,
                   "JSON lines as for explain --jsonl; - or nothing: standard input");
  verb->add_option("--packs", options->packs, "Names of the rule packs that are known")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--pack-dir", options->pack_directories, "Folders in which packs are looked for first");
  verb->add_option("--least", options->least, "Requests that an entry must stand for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--texts", options->texts, "Marks may hold words that the requests have in common");
  verb->callback([options, &exit] {
    exit = static_cast<ExitCode>(run_learn(*options, std::cin, std::cout, std::cerr));
  });
}

}  // namespace tasklane
