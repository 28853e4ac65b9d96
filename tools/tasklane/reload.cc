#include "tools/tasklane/reload.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/support/control_client.h"

namespace tasklane {
namespace {

ExitCode run_reload(const std::string& control) {
  const Result<ControlReply> reply = ask_agent(control, "POST", "/reload");
  if (!reply) {
    std::cerr << "tasklane: " << reply.error().text() << "\n";
    return reply.error().exit;
  }
  const nlohmann::json said = nlohmann::json::parse(reply->body, nullptr, false);
  if (reply->status == 200 && said.is_object()) {
    std::cout << "in force: " << said.value("reloaded", "") << "\n";
    return ExitCode::done;
  }
  std::cerr << "tasklane: " << (said.is_object() ? said.value("error", reply->body) : reply->body) << "\n";
  return reply->status == 403 ? ExitCode::not_permitted : ExitCode::found;
}

}  // namespace

void add_reload(CLI::App& app, const std::string& control, ExitCode& exit) {
  CLI::App* verb =
      app.add_subcommand("reload", "Reads the agent's configuration again; a broken one changes nothing");
  verb->callback([&control, &exit] { exit = with_agent(control, [&] { return run_reload(control); }); });
}

}  // namespace tasklane
