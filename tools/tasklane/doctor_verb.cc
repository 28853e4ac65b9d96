#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "tools/tasklane/doctor.h"

namespace tasklane {
namespace {

struct DoctorOptions {
  std::optional<std::string> config;
  bool json = false;
  bool fix = false;
};

ExitCode run_doctor(const DoctorOptions& options, const std::string& control) {
  const doctor::Seen seen = doctor::look(control, options.config);
  if (options.fix) {
    const std::string config = doctor::proposed_config(seen);
    if (config.empty()) {
      std::cerr << "tasklane: no model server was found to write a configuration for\n";
      return ExitCode::found;
    }
    std::cout << config;
    if (config.find("\n  \"netns\"") != std::string::npos)
      std::cerr
          << "tasklane: the model is in another network namespace: what that takes of the service is in "
             "config/README.md, \"Containers\" (tasklane-rules(5))\n";
    return ExitCode::done;
  }
  const std::vector<doctor::Finding> findings = doctor::examine(seen);
  if (options.json)
    std::cout << doctor::to_json(findings).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  else
    std::cout << doctor::to_text(findings);
  const bool problem = std::any_of(findings.begin(), findings.end(), [](const doctor::Finding& each) {
    return each.level == doctor::Level::problem;
  });
  return problem ? ExitCode::found : ExitCode::done;
}

}  // namespace

void add_doctor(CLI::App& app, const std::string& control, ExitCode& exit) {
  CLI::App* verb = app.add_subcommand(
      "doctor", "Whether machine, models, rules and agent fit together, and what mends it where they do not");
  const auto options = std::make_shared<DoctorOptions>();
  verb->add_option("--config", options->config, "The rules; else those that the agent takes by itself")
      ->type_name("FILE");
  verb->add_flag("--json", options->json, "As JSON");
  verb->add_flag("--fix", options->fix, "Print a configuration for the model servers that are found here");
  verb->callback([options, &control, &exit] { exit = run_doctor(*options, control); });
}

}  // namespace tasklane
