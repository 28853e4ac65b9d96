#include "tools/tasklane/bypass.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/support/control_client.h"

namespace tasklane {
namespace {

ExitCode run_bypass(const std::string& control, const std::string& wish) {
  const Result<ControlReply> reply =
      wish.empty() ? ask_agent(control, "GET", "/stats")
                   : ask_agent(control, "POST", "/bypass", nlohmann::json{{"on", wish == "on"}}.dump());
  if (!reply) {
    std::cerr << "tasklane: " << reply.error().text() << "\n";
    return reply.error().exit;
  }
  const nlohmann::json said = nlohmann::json::parse(reply->body, nullptr, false);
  const nlohmann::json state = wish.empty() && said.contains("steering") ? said["steering"] : said;
  if (reply->status != 200 || !state.contains("bypassed") || !state["bypassed"].is_boolean()) {
    std::cerr << "tasklane: the agent said: " << reply->body << "\n";
    return ExitCode::found;
  }
  std::cout << "bypass "
            << (state["bypassed"].get<bool>() ? "on: everything goes to the model untouched" : "off") << "\n";
  return ExitCode::done;
}

}  // namespace

void add_bypass(CLI::App& app, const std::string& control, ExitCode& exit) {
  CLI::App* verb = app.add_subcommand("bypass", "Stop the agent's work at once (on), or resume it (off)");
  const auto wish = std::make_shared<std::string>();
  verb->add_option("state", *wish, "on or off; without it: tell which")->check(CLI::IsMember({"on", "off"}));
  verb->callback(
      [wish, &control, &exit] { exit = with_agent(control, [&] { return run_bypass(control, *wish); }); });
}

}  // namespace tasklane
