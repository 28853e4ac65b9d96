// The command line of `tasklane learn`.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "tools/support/control_client.h"
#include "tools/tasklane/learn.h"

namespace tasklane {

void add_learn(CLI::App& app, const std::string& control, ExitCode& exit) {
  const auto options = std::make_shared<LearnOptions>();
  CLI::App* const verb = app.add_subcommand(
      "learn", "Proposes pack entries for requests that look like tasks and that no pack knows");
  verb->add_option("requests", options->input,
                   "JSON lines as for explain --jsonl; - or nothing: standard input")
      ->type_name("FILE");
  verb->add_option("--packs", options->packs, "Names of the rule packs that are known")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_option("--pack-dir", options->pack_directories, "Folders in which packs are looked for first")
      ->type_name("FOLDER");
  verb->add_option("--least", options->least, "Requests that an entry must stand for")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--texts", options->texts, "Marks may hold words that the requests have in common");
  const auto live = std::make_shared<bool>(false);
  CLI::Option* const from_agent =
      verb->add_flag("--live", *live, "From what the running agent sees, instead of from lines");
  verb->add_option("--seconds", options->seconds, "How long to listen to the agent")
      ->check(CLI::Range(1, 3600))
      ->needs(from_agent)
      ->capture_default_str();
  verb->callback([options, live, &control, &exit] {
    if (!*live) {
      exit = static_cast<ExitCode>(run_learn(*options, std::cin, std::cout, std::cerr));
      return;
    }
    exit = with_agent(control, [&] {
      return static_cast<ExitCode>(run_learn_live(*options, control, std::cout, std::cerr));
    });
  });
}

}  // namespace tasklane
