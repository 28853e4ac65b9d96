#include "tools/tasklane/check.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "shaper/classify/pack.h"
#include "shaper/decide/config.h"
#include "shaper/decide/when.h"

namespace tasklane {
namespace {

struct CheckOptions {
  std::string file;
  bool json = false;
};

bool matches_everything(const When& when) {
  return when.classes.empty() && when.paths.empty() && when.models.empty() && when.clients.empty() &&
         !when.least_body && !when.most_body && !when.stream && when.headers.empty() && when.body.empty();
}

// Not wrong, but hardly meant.
std::vector<std::string> remarks_on(const Config& config) {
  std::vector<std::string> remarks;
  const Rule* catch_all = nullptr;
  for (const Rule& rule : config.rules) {
    if (catch_all != nullptr)
      remarks.push_back("rule '" + rule.name + "' never decides: rule '" + catch_all->name +
                        "' before it matches everything");
    else if (matches_everything(*rule.when))
      catch_all = &rule;
    if (!rule.when->classes.empty() && config.packs.empty())
      remarks.push_back(
          "rule '" + rule.name +
          "' asks for a class, but no pack tells tasks from chats: add \"packs\": [\"open-webui\"]");
    for (const RequestClass each : rule.when->classes)
      if (each == RequestClass::compaction)
        remarks.push_back("rule '" + rule.name + "' names compaction, which no rule ever changes");
    if (rule.then.route.size() == 1 && !config.upstreams.find(rule.then.route.front())->second.original)
      remarks.push_back("rule '" + rule.name + "' has no second upstream: while '" + rule.then.route.front() +
                        "' is down its requests fail");
  }
  return remarks;
}

Result<Config> load(const std::string& file) {
  Result<Config> config = load_config(file);
  if (!config) return config.error();
  const auto packs =
      find_packs(config->packs, {std::filesystem::path(file).parent_path() / "packs", "/etc/tasklane/packs"});
  if (!packs) return packs.error();
  return config;
}

ExitCode run_check(const CheckOptions& options) {
  const Result<Config> config = load(options.file);
  if (!config) {
    if (options.json)
      std::cout << nlohmann::json{{"ok", false}, {"error", config.error().text()}}.dump() << "\n";
    else
      std::cerr << config.error().text() << "\n";
    return config.error().exit;
  }
  const std::vector<std::string> remarks = remarks_on(*config);
  if (options.json) {
    std::cout << nlohmann::json{{"ok", true}, {"rules", config->rules.size()}, {"remarks", remarks}}.dump()
              << "\n";
    return ExitCode::done;
  }
  std::cout << options.file << ": ok, " << config->rules.size() << " rules, " << config->upstreams.size()
            << " upstreams\n";
  for (const std::string& remark : remarks) std::cout << "hint: " << remark << "\n";
  return ExitCode::done;
}

}  // namespace

void add_check(CLI::App& app, ExitCode& exit) {
  CLI::App* verb = app.add_subcommand("check", "Whether the agent would take a configuration");
  const auto options = std::make_shared<CheckOptions>();
  verb->add_option("file", options->file, "The configuration, a JSON file")->required();
  verb->add_flag("--json", options->json, "As JSON");
  verb->callback([options, &exit] { exit = run_check(*options); });
}

}  // namespace tasklane
