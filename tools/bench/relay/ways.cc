#include "tools/bench/relay/ways.h"

#include <fstream>
#include <sstream>
#include <system_error>
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

// The one-model profile, or none of its rules: everything is read and told apart, and nothing changed.
Json shipped(const Json& where) {
  std::ifstream file(std::string(TASKLANE_SOURCE_DIR) + "/config/one-model.json");
  Json config = Json::parse(file);
  config.erase("intercept");
  config.update(where);
  return config;
}

Json without_rules(const Json& where) {
  Json config = where;
  config.update({{"version", 1},
                 {"packs", {"open-webui"}},
                 {"upstreams", {{"model", {{"address", "original"}}}}},
                 {"rules", Json::array()}});
  return config;
}

Json listen_at(std::uint16_t port, std::uint16_t far) {
  const Json listen{{"address", "127.0.0.1:" + std::to_string(port)},
                    {"to", "http://127.0.0.1:" + std::to_string(far)}};
  return {{"listen", {listen}}};
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

// As one sets it up in front of a model: kept connections, and nothing is held back.
std::string nginx_config(std::uint16_t port, std::uint16_t far) {
  std::ostringstream text;
  text << "worker_processes 1;\ndaemon off;\nmaster_process off;\npid nginx.pid;\n"
       << "events { worker_connections 4096; }\n"
       << "http {\n  access_log off;\n  client_max_body_size 0;\n  client_body_buffer_size 2m;\n"
       << "  keepalive_requests 1000000;\n"
       << "  upstream model { server 127.0.0.1:" << far << "; keepalive 128; }\n"
       << "  server {\n    listen 127.0.0.1:" << port
       << ";\n    location / {\n      proxy_pass http://model;\n"
       << "      proxy_http_version 1.1;\n      proxy_set_header Connection \"\";\n      proxy_buffering "
          "off;\n"
       << "    }\n  }\n}\n";
  return text.str();
}

}  // namespace

double Way::cpu_us() const {
  double nanoseconds = 0;
  std::error_code none;
  const std::string tasks = "/proc/" + std::to_string(relay) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, none)) {
    double ran = 0;
    std::ifstream(task.path() / "schedstat") >> ran;
    nanoseconds += ran;
  }
  return nanoseconds / 1e3;
}

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
  ways.all_ = {{"direct", far}, {"epoll_loop", copied.port, ways.children_.back().pid()}};

  if (options.haproxy) {
    if (const Result<void> up = ways.start_haproxy(*options.haproxy, far); !up) return up.error();
  } else {
    ways.left_out_.push_back({"haproxy", "no haproxy program here"});
  }
  if (options.nginx) {
    if (const Result<void> up = ways.start_nginx(*options.nginx, far); !up) return up.error();
  } else {
    ways.left_out_.push_back({"nginx", "no nginx program here"});
  }
  struct Profile {
    const char* name;
    Json (*config)(const Json& where);
  };
  for (const Profile& profile :
       {Profile{"tasklane_listen", shipped}, Profile{"tasklane_no_rules", without_rules}}) {
    const std::uint16_t port = free_port();
    const auto up = ways.start_agent(options.agent, profile.name, profile.config(listen_at(port, far)), port);
    if (!up) return up.error();
  }
  if (!options.steered) {
    ways.left_out_.push_back({"tasklane_steered", "steering takes root: a network namespace and BPF"});
    return ways;
  }
  const Json intercept{{"intercept", {{{"port", steered_far}}}}};
  if (const auto up = ways.start_agent(options.agent, "tasklane_steered", shipped(intercept), steered_far);
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
  all_.push_back({"haproxy", port, children_.back().pid()});
  return {};
}

Result<void> Ways::start_nginx(const std::filesystem::path& program, std::uint16_t far) {
  const std::uint16_t port = free_port();
  const auto config = folder_.write("nginx.conf", nginx_config(port, far));
  const std::string log = folder_.file("nginx.log");
  children_.push_back(Child::program({program, "-p", config.parent_path(), "-e", log, "-c", config}, log));
  if (!comes_true(children_.back(), [port] { return answers(port); }))
    return Error{"nginx does not come up", program.string(), folder_.read("nginx.log")};
  all_.push_back({"nginx", port, children_.back().pid()});
  return {};
}

Result<void> Ways::start_agent(const std::filesystem::path& program, const std::string& name,
                               const Json& wanted, std::uint16_t port) {
  const auto config = folder_.write(name + ".json", wanted.dump(2));
  children_.push_back(Child::program({program, "--config", config, "--control", control_of(name)},
                                     folder_.file(name + ".log")));
  const bool listens = wanted.contains("listen");
  if (!comes_true(children_.back(), [&] { return listens ? answers(port) : steers(control_of(name)); }))
    return Error{"the agent does not come up", program.string(), folder_.read(name + ".log")};
  all_.push_back({name, port, children_.back().pid()});
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
