#include "tools/bench/relay/ways.h"

#include <sstream>
#include <utility>

#include "tools/bench/relay/copy_loop.h"
#include "tools/bench/relay/far_server.h"
#include "tools/support/cpu.h"
#include "tools/support/sockets.h"
#include "tools/support/waiting.h"

namespace tasklane::bench {

using namespace tools;

namespace {

using Json = nlohmann::json;

constexpr unsigned end_cpu = 0;
constexpr unsigned relay_cpu = 1;

// The example of the README: tasks are told from chats and sent elsewhere, chats pass.
Json agent_config(const Json& where) {
  Json config = where;
  config["version"] = 1;
  config["packs"] = {"open-webui"};
  config["upstreams"] = {{"model", {{"address", "original"}}}, {"task", {{"url", "http://127.0.0.1:1"}}}};
  config["rules"] = Json::array(
      {{{"name", "tasks to the task model"},
        {"when", {{"class", {"title", "tags", "follow_up", "autocomplete", "query"}}}},
        {"then", {{"route", {"task", "model"}}, {"patch", {{"options", {{"num_predict", 256}}}}}}}}});
  return config;
}

// http-no-delay: without it HAProxy gathers the chunks of a streamed answer for many milliseconds, which
// nobody would keep in front of a chat.
std::string haproxy_config(std::uint16_t port, std::uint16_t far) {
  std::ostringstream text;
  text << "defaults\n  mode http\n  option http-no-delay\n  timeout connect 5s\n  timeout client 1m\n  "
          "timeout server 1m\n"
       << "frontend front\n  bind 127.0.0.1:" << port << "\n  default_backend model\n"
       << "backend model\n  server model 127.0.0.1:" << far << "\n";
  return text.str();
}

}  // namespace

Result<Ways> Ways::start(const WayOptions& options) {
  Ways ways;
  if (options.pin) stay_on_cpu(end_cpu);
  Listener plain = listen_on_loopback();
  Listener steered = listen_on_loopback();
  Listener copied = listen_on_loopback();
  const std::uint16_t far = plain.port;
  const std::uint16_t steered_far = steered.port;
  std::vector<UniqueFd> listeners;
  listeners.push_back(std::move(plain.socket));
  listeners.push_back(std::move(steered.socket));
  ways.children_.push_back(Child::running([&listeners] { serve_far_end(listeners); }));
  if (options.pin) stay_on_cpu(relay_cpu);
  ways.children_.push_back(Child::running([&copied, far] { run_copy_loop(copied.socket, far); }));
  ways.all_ = {{"direct", far}, {"epoll_loop", copied.port}};

  if (options.haproxy) {
    if (const Result<void> up = ways.start_haproxy(*options.haproxy, far); !up) return up.error();
  } else {
    ways.left_out_.push_back({"haproxy", "no haproxy program here"});
  }
  const std::uint16_t port = free_port();
  const Json listen{{"address", "127.0.0.1:" + std::to_string(port)},
                    {"to", "http://127.0.0.1:" + std::to_string(far)}};
  if (const auto up = ways.start_agent(options.agent, "tasklane_listen", {{"listen", {listen}}}, port); !up)
    return up.error();
  if (!options.steered) {
    ways.left_out_.push_back({"tasklane_steered", "steering takes root: a network namespace and BPF"});
    return ways;
  }
  const Json intercept{{"port", steered_far}};
  if (const auto up =
          ways.start_agent(options.agent, "tasklane_steered", {{"intercept", {intercept}}}, steered_far);
      !up)
    return up.error();
  return ways;
}

Result<void> Ways::start_haproxy(const std::filesystem::path& program, std::uint16_t far) {
  const std::uint16_t port = free_port();
  const auto config = folder_.write("haproxy.cfg", haproxy_config(port, far));
  children_.push_back(Child::program({program, "-db", "-q", "-f", config}, folder_.file("haproxy.log")));
  if (!comes_true(children_.back(), [port] { return answers(port); }))
    return Error{"HAProxy does not come up", program.string(), folder_.read("haproxy.log")};
  all_.push_back({"haproxy", port});
  return {};
}

Result<void> Ways::start_agent(const std::filesystem::path& program, const std::string& name,
                               const Json& where, std::uint16_t port) {
  const auto config = folder_.write(name + ".json", agent_config(where).dump(2));
  children_.push_back(Child::program({program, "--config", config, "--control", control_of(name)},
                                     folder_.file(name + ".log")));
  const bool listens = where.contains("listen");
  if (!comes_true(children_.back(), [&] { return listens ? answers(port) : steers(control_of(name)); }))
    return Error{"the agent does not come up", program.string(), folder_.read(name + ".log")};
  all_.push_back({name, port});
  agents_.push_back(name);
  return {};
}

nlohmann::json Ways::agents_counted() const {
  Json counted = Json::object();
  for (const std::string& name : agents_) {
    const Json stats = agent_stats(control_of(name));
    Json& agent = counted[name];
    for (const Json& row : stats.value("classes", Json::array()))
      agent["requests"][row.value("class", "")] = row.value("requests", 0);
    agent["steered"] = stats.value("/steering/connections/steered"_json_pointer, 0);
  }
  return counted;
}

std::string Ways::control_of(const std::string& name) const { return folder_.file(name + ".sock"); }

}  // namespace tasklane::bench
