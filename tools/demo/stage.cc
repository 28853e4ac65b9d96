#include "tools/demo/stage.h"

#include "tools/demo/play.h"
#include "tools/support/control_client.h"
#include "tools/support/sockets.h"
#include "tools/support/waiting.h"

namespace tasklane::demo {

using namespace tools;

namespace {

using Json = nlohmann::json;

constexpr std::uint16_t ollama_port = 11434;
constexpr std::uint16_t task_port = 11435;
constexpr const char* task_model = "small-task";

// The first example of the README.
Json task_model_rules(std::uint16_t task) {
  Json config;
  config["upstreams"] = {
      {"model", {{"address", "original"}}},
      {"task", {{"url", "http://127.0.0.1:" + std::to_string(task)}, {"model", task_model}}}};
  config["rules"] =
      Json::array({{{"name", "tasks to the task model"},
                    {"when", {{"class", {"title", "tags", "follow_up", "autocomplete", "query"}}}},
                    {"then", {{"route", {"task", "model"}}}}}});
  return config;
}

// As config/one-model.json.
Json one_model_rules() {
  Json config;
  config["rules"] = Json::array(
      {{{"name", "suggestions while typing"},
        {"when", {{"class", "autocomplete"}}},
        {"then", {{"lane", "keystroke"}, {"deadline", "3s"}, {"while_chat", "answer"}, {"constrain", true}}}},
       {{"name", "everything that can wait"},
        {"when", {{"class", {"title", "tags", "follow_up"}}}},
        {"then",
         {{"lane", "background"},
          {"settle", "400ms"},
          {"quiet", "1500ms"},
          {"max_wait", "30s"},
          {"preempt", 3},
          {"constrain", true}}}}});
  return config;
}

Json agent_config(Way way, const Json& where, std::uint16_t task) {
  Json config = way == Way::one_model ? one_model_rules() : task_model_rules(task);
  config.update(where);
  config["version"] = 1;
  config["packs"] = {"open-webui"};
  return config;
}

Json intercept(std::uint16_t port) { return {{"intercept", {{{"port", port}}}}}; }

Json listen(std::uint16_t port, std::uint16_t to) {
  return {{"listen",
           {{{"address", "127.0.0.1:" + std::to_string(port)},
             {"to", "http://127.0.0.1:" + std::to_string(to)}}}}};
}

}  // namespace

Result<Stage> Stage::set(const std::filesystem::path& programs, Way way, bool steered) {
  Stage stage;
  const std::uint16_t chat = steered ? ollama_port : free_port();
  const std::uint16_t task = steered ? task_port : free_port();
  if (const auto up = stage.start_models(programs / "modelsim", chat, task); !up) return up.error();
  stage.port_ = steered ? chat : free_port();
  const Json where = steered ? intercept(chat) : listen(stage.port_, chat);
  const auto up = stage.start_agent(programs / "tasklaned", agent_config(way, where, task), steered);
  if (!up) return up.error();
  if (way != Way::direct) return stage;
  if (const auto done = stage.bypass(); !done) return done.error();
  return stage;
}

// A chat model as a small machine runs it: one request at a time, and slowly. Beside it a small quick one.
Result<void> Stage::start_models(const std::filesystem::path& modelsim, std::uint16_t chat,
                                 std::uint16_t task) {
  const auto address = [](std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); };
  const auto start = [&](const std::vector<std::string>& command, std::uint16_t port) -> Result<void> {
    const std::string log = std::to_string(port) + ".log";
    children_.push_back(Child::program(command, folder_.file(log)));
    if (comes_true(children_.back(), [port] { return answers(port); })) return {};
    return Error{"the simulated model does not come up", modelsim.string(), folder_.read(log)};
  };
  if (const auto up = start({modelsim, "--listen", address(chat), "--model", chat_model, "--slots", "1",
                             "--prefill", "400", "--decode", "18", "--answer-tokens", "16"},
                            chat);
      !up)
    return up;
  return start({modelsim, "--listen", address(task), "--model", task_model, "--prefill", "2000", "--decode",
                "60", "--slots", "1"},
               task);
}

Result<void> Stage::start_agent(const std::filesystem::path& tasklaned, const nlohmann::json& config,
                                bool steered) {
  const auto file = folder_.write("tasklane.json", config.dump(2));
  children_.push_back(
      Child::program({tasklaned, "--config", file, "--control", control()}, folder_.file("agent.log")));
  if (comes_true(children_.back(), [&] { return steered ? steers(control()) : answers(port_); })) return {};
  return Error{"the agent does not come up", tasklaned.string(), folder_.read("agent.log")};
}

Result<void> Stage::bypass() const {
  const auto reply = ask_agent(control(), "POST", "/bypass", Json{{"on", true}}.dump());
  if (!reply) return reply.error();
  if (reply->status != 200) return Error{"the agent refuses: " + reply->body, "bypass", ""};
  return {};
}

nlohmann::json Stage::stats() const { return agent_stats(control()); }

}  // namespace tasklane::demo
