#include "tools/bench/chat/wire_stage.h"

#include <fstream>

#include "tools/support/sockets.h"
#include "tools/support/waiting.h"

namespace tasklane::bench {

using namespace tools;

namespace {

using Json = nlohmann::json;

constexpr std::size_t longest_answer = 1000;  // tokens: a request's own limit ends it before

std::string address_of(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

// The profile as it is shipped, in this place. The simulated task model computes on its own.
Result<Json> agent_config(const std::filesystem::path& file, std::uint16_t listen, std::uint16_t model,
                          std::uint16_t task) {
  Json config = Json::parse(std::ifstream(file), nullptr, false);
  if (!config.is_object()) return Error{"the profile cannot be read", file.string(), "--config"};
  config.erase("intercept");
  config["listen"] = {{{"address", address_of(listen)}, {"to", "http://" + address_of(model)}}};
  if (task != 0) {
    config["upstreams"]["task"]["url"] = "http://" + address_of(task);
    config["upstreams"]["task"]["own_compute"] = true;
  }
  return Result<Json>(boost::system::in_place_value, std::move(config));
}

}  // namespace

Result<WireStage> WireStage::set(const Way& way, const WirePrograms& programs,
                                 const std::function<std::uint16_t()>& next_port) {
  WireStage stage;
  const std::uint16_t model = stage.port_ = next_port();
  const std::uint16_t task = way.second_server ? next_port() : std::uint16_t{0};
  if (const auto up = stage.start_model(programs, model, 1); !up) return up.error();
  if (task != 0)
    if (const auto up = stage.start_model(programs, task, task_model_speed); !up) return up.error();
  if (way.profile == nullptr) return stage;
  stage.port_ = next_port();
  const Result<Json> config = agent_config(programs.config / way.profile, stage.port_, model, task);
  if (!config) return config.error();
  if (const auto up = stage.start_agent(programs, *config); !up) return up.error();
  return stage;
}

Result<void> WireStage::start_model(const WirePrograms& programs, std::uint16_t port, unsigned speed) {
  const sim::EngineOptions options = model_options();
  const auto text = [](double number) { return std::to_string(number); };
  const std::vector<std::string> command{programs.model,
                                         "--listen",
                                         address_of(port),
                                         "--flavour",
                                         "llama",
                                         "--slots",
                                         std::to_string(options.slots),
                                         "--batch",
                                         std::to_string(options.batch),
                                         "--prefill",
                                         text(options.prefill_rate * speed),
                                         "--decode",
                                         text(options.decode_rate * speed),
                                         "--answer-tokens",
                                         std::to_string(longest_answer)};
  const std::string log = std::to_string(port) + ".log";
  children_.push_back(Child::program(command, folder_.file(log)));
  if (comes_true(children_.back(), [port] { return answers(port); })) return {};
  return Error{"the simulated model does not come up", programs.model.string(), folder_.read(log)};
}

Result<void> WireStage::start_agent(const WirePrograms& programs, const Json& config) {
  const auto file = folder_.write("tasklane.json", config.dump(2));
  children_.push_back(
      Child::program({programs.agent, "--config", file, "--control", control()}, folder_.file("agent.log")));
  has_agent_ = true;
  if (comes_true(children_.back(), [this] { return answers(port_); })) return {};
  return Error{"the agent does not come up", programs.agent.string(), folder_.read("agent.log")};
}

Json WireStage::stats() const { return has_agent_ ? agent_stats(control()) : Json::object(); }

}  // namespace tasklane::bench
