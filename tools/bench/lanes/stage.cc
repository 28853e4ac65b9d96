#include "tools/bench/lanes/stage.h"

#include <fstream>
#include <utility>

#include "tools/bench/lanes/requests.h"
#include "tools/support/sockets.h"
#include "tools/support/waiting.h"

namespace tasklane::bench {

using namespace tools;

namespace {

using Json = nlohmann::json;

std::string address_of(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

// The one-model profile, in this place and for this load.
Result<Json> agent_config(const StageOptions& options, std::uint16_t model, std::uint16_t through) {
  const std::filesystem::path file = options.config / "one-model.json";
  Json config = Json::parse(std::ifstream(file), nullptr, false);
  if (!config.is_object()) return Error{"the profile cannot be read", file.string(), "--config"};
  config.erase("intercept");
  if (options.steered)
    config["intercept"] = {{{"port", model}}};
  else
    config["listen"] = {{{"address", address_of(through)}, {"to", "http://" + address_of(model)}}};
  config["upstreams"]["model"]["slots"] = options.slots;
  config["limits"]["max_connections"] = options.max_connections;
  for (Json& rule : config["rules"])
    if (rule["then"]["lane"] == "background" && !options.max_wait.empty())
      rule["then"]["max_wait"] = options.max_wait;
  return Result<Json>(boost::system::in_place_value, std::move(config));
}

}  // namespace

Result<Stage> Stage::set(const StageOptions& options) {
  Stage stage;
  stage.model_ = free_port();
  stage.direct_ = free_port();
  stage.through_ = options.steered ? stage.model_ : free_port();
  for (const std::uint16_t port : {stage.model_, stage.direct_})
    if (const auto up = stage.start_model(options, port); !up) return up.error();
  if (const auto up = stage.start_agent(options); !up) return up.error();
  return stage;
}

Result<void> Stage::start_model(const StageOptions& options, std::uint16_t port) {
  std::vector<std::string> command{options.model,
                                   "--listen",
                                   address_of(port),
                                   "--model",
                                   model_name,
                                   "--slots",
                                   std::to_string(options.slots)};
  command.insert(command.end(), options.model_arguments.begin(), options.model_arguments.end());
  const std::string log = std::to_string(port) + ".log";
  children_.push_back(Child::program(command, folder_.file(log)));
  if (comes_true(children_.back(), [port] { return answers(port); })) return {};
  return Error{"the simulated model does not come up", options.model.string(), folder_.read(log)};
}

Result<void> Stage::start_agent(const StageOptions& options) {
  const Result<Json> config = agent_config(options, model_, through_);
  if (!config) return config.error();
  const auto file = folder_.write("tasklane.json", config->dump(2));
  children_.push_back(
      Child::program({options.agent, "--config", file, "--control", control()}, folder_.file("agent.log")));
  const auto up = [&] { return options.steered ? steers(control()) : answers(through_); };
  if (comes_true(children_.back(), up)) return {};
  return Error{"the agent does not come up", options.agent.string(), folder_.read("agent.log")};
}

nlohmann::json Stage::stats() const { return agent_stats(control()); }

std::size_t Stage::waiting() const { return stats().value("/lanes/waiting"_json_pointer, std::size_t{0}); }

}  // namespace tasklane::bench
