#include "tools/tasklane/check.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "shaper/classify/pack.h"
#include "shaper/decide/config.h"
#include "tools/tasklane/config_remarks.h"
#include "userspace/serve/services.h"

namespace tasklane {
namespace {

using Json = nlohmann::json;

Result<Config> load(const std::string& file) {
  Result<Config> config = load_config(file);
  if (!config) return config.error();
  const auto packs =
      find_packs(config->packs, {std::filesystem::path(file).parent_path() / "packs", "/etc/tasklane/packs"});
  if (packs) return config;
  Error error = packs.error();
  if (error.where == "packs") error.where = file + ": /packs";
  return error;
}

// A file's name may be no UTF-8.
std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A line of the error's text is a mistake.
ExitCode refuse(const CheckOptions& options, const Error& error, std::ostream& out, std::ostream& err) {
  if (!options.json) {
    err << error.text() << "\n";
    return error.exit;
  }
  Json errors = Json::array();
  std::istringstream lines(error.text());
  for (std::string line; std::getline(lines, line);) errors.push_back(line);
  out << line_of({{"ok", false}, {"errors", errors}});
  return error.exit;
}

// What the agent would trip over in the files of keys and certificates. What only it can look at is a remark.
std::vector<Error> faults_of_files(const std::string& file, const Config& config,
                                   std::vector<std::string>& remarks) {
  ServiceFiles files;
  files.key = [](const std::filesystem::path& key) -> Result<std::string> {
    if (!key.is_relative() || key.has_parent_path()) return read_key(key);
    return Error{"the key is a credential, which the service manager hands to the agent alone", key.string(),
                 "not looked at", ExitCode::not_permitted};
  };
  std::vector<Error> faults;
  for (Error& fault : Services::faults_of_files(config, files)) {
    fault.where.insert(0, file + ": ");
    if (fault.exit == ExitCode::not_permitted)
      remarks.push_back(fault.text());
    else
      faults.push_back(std::move(fault));
  }
  return faults;
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

ExitCode run_check(const CheckOptions& options, std::ostream& out, std::ostream& err) {
  const Result<Config> config = load(options.file);
  if (!config) return refuse(options, config.error(), out, err);
  std::vector<std::string> remarks = remarks_on(*config);
  if (const std::vector<Error> faults = faults_of_files(options.file, *config, remarks); !faults.empty()) {
    Error all{"", "", "", faults.front().exit};
    for (const Error& fault : faults) all.what += (all.what.empty() ? "" : "\n") + fault.text();
    return refuse(options, all, out, err);
  }
  if (options.json) {
    out << line_of({{"ok", true},
                    {"rules", config->rules.size()},
                    {"upstreams", config->upstreams.size()},
                    {"packs", config->packs},
                    {"remarks", remarks}});
    return ExitCode::done;
  }
  out << options.file << ": ok, " << counted(config->rules.size(), "rule") << ", "
      << counted(config->upstreams.size(), "upstream") << ", " << counted(config->packs.size(), "pack")
      << "\n";
  for (const std::string& remark : remarks) out << "hint: " << remark << "\n";
  return ExitCode::done;
}

void add_check(CLI::App& app, ExitCode& exit) {
  CLI::App* verb = app.add_subcommand("check", "Whether the agent would take a configuration");
  const auto options = std::make_shared<CheckOptions>();
  verb->add_option("file", options->file, "The configuration, a JSON file")->type_name("FILE")->required();
  verb->add_flag("--json", options->json, "As JSON");
  verb->callback([options, &exit] { exit = run_check(*options, std::cout, std::cerr); });
}

}  // namespace tasklane
