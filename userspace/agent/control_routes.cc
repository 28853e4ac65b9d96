// What the agent says and does for `tasklane`, and for whoever reads its metrics.
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>

#include "userspace/agent/log.h"
#include "userspace/agent/parts.h"
#include "userspace/serve/bypass.h"
#include "userspace/steer/privilege.h"

namespace tasklane {

SteeringState Agent::Parts::steering_state() const {
  SteeringState state;
  state.bypassed = relay->bypass;
  state.admission = &lanes.admission();
  state.suspended = to_text(readiness->why());
  state.memory_held = relay->memory.held();
  state.memory_limit = relay->memory.limit();
  state.suspensions = readiness->suspensions();
  state.longest_late = readiness->longest_late();
  state.max_connections = relay->open_connections + acceptor->room();
  state.upstreams = upstream_states();
  for (const auto& [of, seen] : relay->book.cut_prompts().all())
    state.cut_prompts.push_back({of.client, of.model, seen.count, seen.sent_at_least, seen.read});
  if (!steering) return state;
  state.attached = steering->attached();
  if (config->netns) state.netns = {config->netns->text, place, places};
  state.heartbeat_age = steering->heartbeat_age();
  state.stale_after = readiness->stale_after(pace.until_next());
  for (const SocketAddress& endpoint : steering->endpoints()) state.endpoints.push_back(to_text(endpoint));
  for (const auto& [name, count] : steering->counters().named()) state.connections.emplace(name, count);
  return state;
}

ControlAnswer Agent::Parts::set_bypass(const std::string& body) {
  const nlohmann::json wish = nlohmann::json::parse(body, nullptr, false);
  if (!wish.is_object() || !wish.contains("on") || !wish["on"].is_boolean())
    return {400, "application/json", R"({"error":"the body must be {\"on\": true} or {\"on\": false}"})"};
  const bool on = wish["on"].get<bool>();
  if (steering) steering->bypass(on);
  tasklane::set_bypass(*relay, on);
  spdlog::info("bypass {}", on ? "on: everything goes to the model untouched" : "off");
  return {200, "application/json", nlohmann::json{{"bypassed", relay->bypass}}.dump() + "\n"};
}

// For `tasklane learn --live`: nothing is collected until a person asks.
ControlAnswer Agent::Parts::collect_samples(const std::string& body) {
  constexpr unsigned longest = 3600;
  const nlohmann::json wish = nlohmann::json::parse(body, nullptr, false);
  const bool understood = wish.is_object() && wish.contains("seconds") &&
                          wish["seconds"].is_number_unsigned() && wish["seconds"] >= 1 &&
                          wish["seconds"] <= longest &&
                          wish.value("texts", nlohmann::json(false)).is_boolean();
  if (!understood)
    return {400, "application/json",
            R"({"error":"the body must be {\"seconds\": 1 to 3600, \"texts\": true or false}"})"};
  relay->samples.start(now() + std::chrono::seconds(wish["seconds"].get<unsigned>()),
                       wish.value("texts", false), drawn());
  return {200, "application/json", "{\"collecting\":true}\n"};
}

ControlAnswer Agent::Parts::take_samples() {
  nlohmann::json samples = nlohmann::json::array();
  for (const TaskSample& sample : relay->samples.take()) samples.push_back(to_json(sample));
  return {200, "application/json",
          nlohmann::json{{"samples", std::move(samples)}}.dump(-1, ' ', false,
                                                               nlohmann::json::error_handler_t::replace) +
              "\n"};
}

ControlAnswer Agent::Parts::reload_at_a_word() {
  const Result<void> reloaded = reload_and_tell();
  if (reloaded) return {200, "application/json", nlohmann::json{{"reloaded", config->source}}.dump() + "\n"};
  return {409, "application/json",
          nlohmann::json{{"error", reloaded.error().text()}}.dump(-1, ' ', false,
                                                                  nlohmann::json::error_handler_t::replace) +
              "\n"};
}

ControlAnswer Agent::Parts::change_log_level(const std::string& body) {
  const nlohmann::json wish = nlohmann::json::parse(body, nullptr, false);
  const std::string level = wish.is_object() && wish.contains("level") && wish["level"].is_string()
                                ? wish["level"].get<std::string>()
                                : "";
  const Result<void> changed = set_log_level(level);
  if (changed) return {200, "application/json", nlohmann::json{{"level", level}}.dump() + "\n"};
  return {400, "application/json",
          nlohmann::json{{"error", changed.error().text()}}.dump(-1, ' ', false,
                                                                 nlohmann::json::error_handler_t::replace) +
              "\n"};
}

namespace {

// Whoever can open the socket may look (its mode and group say who that is). To change what the agent does,
// or to read what it has collected of requests, takes root, whoever started the agent, or the group
// tasklane-admin.
ControlServer::Permission may_ask() {
  return [starter = ::geteuid(), admins = group_called(admin_group)](
             const ControlServer::Peer& peer, const std::string& method, const std::string& path) {
    if (method == "GET" && path != "/samples") return true;
    if (peer.user == 0 || peer.user == starter) return true;
    return admins && std::find(peer.groups.begin(), peer.groups.end(), *admins) != peer.groups.end();
  };
}

}  // namespace

Result<void> Agent::Parts::open_metrics() {
  if (!config->metrics) return {};
  ControlServer::Routes routes;
  routes[{"GET", "/metrics"}] = [this](const std::string&) {
    return ControlAnswer{200, prometheus_content_type, prometheus_text(statistics, steering_state())};
  };
  const Result<std::uint16_t> port = control.listen_tcp(*config->metrics, std::move(routes));
  if (!port) return port.error();
  return {};
}

Result<void> Agent::Parts::open_control() {
  ControlServer::Routes routes;
  routes[{"GET", "/stats"}] = [this](const std::string&) {
    nlohmann::json stats = stats_json(statistics, steering_state());
    stats["last_request_id"] = relay->last_request_id;
    return ControlAnswer{200, "application/json", stats.dump() + "\n"};
  };
  routes[{"GET", "/metrics"}] = [this](const std::string&) {
    return ControlAnswer{200, prometheus_content_type, prometheus_text(statistics, steering_state())};
  };
  routes[{"GET", "/health"}] = [](const std::string&) {
    return ControlAnswer{200, "application/json", "{\"ok\":true}\n"};
  };
  routes[{"POST", "/bypass"}] = [this](const std::string& body) { return set_bypass(body); };
  routes[{"POST", "/samples"}] = [this](const std::string& body) { return collect_samples(body); };
  routes[{"GET", "/samples"}] = [this](const std::string&) { return take_samples(); };
  routes[{"POST", "/log-level"}] = [](const std::string& body) { return change_log_level(body); };
  routes[{"POST", "/reload"}] = [this](const std::string&) { return reload_at_a_word(); };
  return control.listen_unix(config->control_socket, std::move(routes), may_ask());
}

}  // namespace tasklane
