#include "tools/tasklane/config_remarks.h"

#include <algorithm>
#include <set>

#include "shaper/decide/when.h"
#include "tools/tasklane/lane_remarks.h"

namespace tasklane {
namespace {

bool tests_class_alone(const When& when) {
  return when.paths.empty() && when.models.empty() && when.clients.empty() && !when.least_body &&
         !when.most_body && !when.stream && when.headers.empty() && when.body.empty();
}

// A rule that an earlier one leaves nothing to decide.
void note_shadowed(const Config& config, std::vector<std::string>& remarks) {
  const Rule* catch_all = nullptr;
  std::set<RequestClass> decided;
  for (const Rule& rule : config.rules) {
    const std::vector<RequestClass>& classes = rule.when->classes;
    const bool nothing_left =
        !classes.empty() && std::all_of(classes.begin(), classes.end(),
                                        [&](RequestClass each) { return decided.contains(each); });
    if (catch_all != nullptr)
      remarks.push_back("rule '" + rule.name + "' never decides: rule '" + catch_all->name +
                        "' before it matches everything");
    else if (nothing_left)
      remarks.push_back("rule '" + rule.name + "' never decides: rules before it take all of its classes");
    if (!tests_class_alone(*rule.when)) continue;
    if (classes.empty() && catch_all == nullptr) catch_all = &rule;
    decided.insert(classes.begin(), classes.end());
  }
}

void note_compaction(const Rule& rule, std::vector<std::string>& remarks) {
  const std::vector<RequestClass>& classes = rule.when->classes;
  if (std::find(classes.begin(), classes.end(), RequestClass::compaction) != classes.end())
    remarks.push_back("rule '" + rule.name + "' names compaction, which no rule ever changes");
}

// For a chat nobody asks which models are loaded.
void note_guarded_chats(const Rule& rule, const Config& config, std::vector<std::string>& remarks) {
  const std::vector<RequestClass>& classes = rule.when->classes;
  if (!classes.empty() && std::all_of(classes.begin(), classes.end(), is_task)) return;
  for (const std::string& name : rule.then.route)
    if (config.upstreams.find(name)->second.only_if_resident)
      remarks.push_back("rule '" + rule.name + "' takes chats, and upstream '" + name +
                        "' is asked only while its model is loaded: for a chat nobody asks whether it is, so "
                        "one goes there only within 2 s of a task's question");
}

void note_lone_hop(const Rule& rule, const Config& config, std::vector<std::string>& remarks) {
  const std::vector<std::string>& route = rule.then.route;
  if (route.empty()) return;
  const Upstream& first = config.upstreams.find(route.front())->second;
  const bool lone = std::all_of(route.begin(), route.end(), [&](const std::string& each) {
    return config.upstreams.find(each)->second.called() == first.called();
  });
  if (lone && !first.original)
    remarks.push_back("rule '" + rule.name + "' has no second upstream: while '" + first.called() +
                      "' is down its requests fail");
}

// Rules for some tasks and none for others: often a class that was forgotten.
void note_unnamed_tasks(const Config& config, std::vector<std::string>& remarks) {
  std::set<RequestClass> named;
  for (const Rule& rule : config.rules) {
    if (rule.when->classes.empty()) return;
    named.insert(rule.when->classes.begin(), rule.when->classes.end());
  }
  if (std::none_of(named.begin(), named.end(), is_task)) return;
  std::string missing;
  for (const RequestClass each : all_request_classes)
    if (is_task(each) && !named.contains(each))
      missing.append(missing.empty() ? "" : ", ").append(to_text(each));
  if (!missing.empty())
    remarks.push_back("no rule names " + missing + ": to the model at once, as they came");
}

}  // namespace

namespace {

// The agent dials the server of a listener by itself, so the server sees every client come from this machine.
void note_seen_addresses(const Config& config, std::vector<std::string>& remarks) {
  const auto is_loopback = [](const std::string& host) {
    return host.starts_with("127.") || host == "::1" || host == "localhost";
  };
  for (const Listen& listen : config.listen) {
    if (is_loopback(listen.host)) continue;
    if (is_loopback(listen.to_host))
      remarks.push_back(
          "\"listen\" on " + listen.host +
          " opens a server on loopback to other machines, and "
          "it sees them all come from this one: listen on 127.0.0.1, or use \"intercept\", which "
          "opens nothing and lets a server see who is local");
    else
      remarks.push_back("the server " + listen.to_host + " behind \"listen\" on " + listen.host +
                        " sees everybody come from this machine: a rule of its own about addresses holds "
                        "for all of them or for none");
  }
}

}  // namespace

std::vector<std::string> remarks_on(const Config& config) {
  std::vector<std::string> remarks;
  note_seen_addresses(config, remarks);
  note_shadowed(config, remarks);
  for (const Rule& rule : config.rules) {
    note_compaction(rule, remarks);
    note_lone_hop(rule, config, remarks);
    note_guarded_chats(rule, config, remarks);
    note_lane_settings(rule, remarks);
  }
  note_upstreams(config, remarks);
  for (const OffHost& each : sent_off_host(config)) remarks.push_back(each.text());
  const bool asks_class = std::any_of(config.rules.begin(), config.rules.end(),
                                      [](const Rule& rule) { return !rule.when->classes.empty(); });
  if (asks_class && config.packs.empty())
    remarks.emplace_back(
        "rules ask for classes, but no pack tells tasks from chats: add \"packs\": [\"open-webui\"]");
  note_unnamed_tasks(config, remarks);
  return remarks;
}

}  // namespace tasklane
