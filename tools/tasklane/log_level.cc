#include "tools/tasklane/log_level.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/support/control_client.h"

namespace tasklane {
namespace {

ExitCode run_log_level(const std::string& control, const std::string& level) {
  const Result<ControlReply> reply =
      ask_agent(control, "POST", "/log-level", nlohmann::json{{"level", level}}.dump());
  if (!reply) {
    std::cerr << "tasklane: " << reply.error().text() << "\n";
    return reply.error().exit;
  }
  if (reply->status == 200) {
    std::cout << "the agent logs from " << level << " on\n";
    return ExitCode::done;
  }
  const nlohmann::json said = nlohmann::json::parse(reply->body, nullptr, false);
  std::cerr << "tasklane: " << (said.is_object() ? said.value("error", reply->body) : reply->body) << "\n";
  return reply->status == 403 ? ExitCode::not_permitted : ExitCode::usage;
}

}  // namespace

void add_log_level(CLI::App& app, const std::string& control, ExitCode& exit) {
  CLI::App* verb = app.add_subcommand("log-level", "How much the agent logs, from now until it ends");
  const auto level = std::make_shared<std::string>();
  verb->add_option("LEVEL", *level,
                   "debug (a line for each request, without a word of it), info, warning or error")
      ->required()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  verb->callback([level, &control, &exit] {
    exit = with_agent(control, [&] { return run_log_level(control, *level); });
  });
}

}  // namespace tasklane
