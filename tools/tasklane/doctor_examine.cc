// What follows of what was seen.
#include <algorithm>
#include <array>
#include <cstdio>

#include "tools/tasklane/doctor_parts.h"

namespace tasklane::doctor {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t accept_queue = 4096;              // as the agent asks for
constexpr std::uint64_t descriptors_of_a_connection = 3;  // its own, its server's, a part of an idle one
constexpr std::int64_t surely_past = 1767225600;          // 2026: no clock of today says less

std::uint64_t number(const std::map<std::string, std::string>& settings, const std::string& name,
                     std::uint64_t otherwise) {
  const auto found = settings.find(name);
  return found == settings.end() ? otherwise : std::strtoull(found->second.c_str(), nullptr, 10);
}

bool older_than(const std::string& kernel, int major, int minor) {
  int a = 0;
  int b = 0;
  if (std::sscanf(kernel.c_str(), "%d.%d", &a, &b) != 2) return false;
  return a < major || (a == major && b < minor);
}

void kernel(const Seen& seen, Findings& to) {
  const std::size_t before = to.size();
  const std::string without = "point Open WebUI at the agent by \"listen\" instead (config/README.md)";
  if (!seen.sk_lookup)
    add(to, Level::problem, "no-sk-lookup",
        "kernel " + seen.kernel + " has no sk_lookup, which steering needs",
        "use Linux 5.9 or newer, or " + without);
  else if (!seen.bpf_permitted)
    add(to, Level::problem, "bpf-denied",
        "something denies bpf() here, such as a container's profile or a lockdown",
        "allow it (docker run --cap-add BPF --cap-add NET_ADMIN), or " + without);
  if (older_than(seen.kernel, 5, 11) && seen.helper_limits.contains("locked memory") &&
      seen.helper_limits.at("locked memory") < 16u << 20)
    add(to, Level::problem, "memory-lock-limit",
        "this kernel counts BPF against the limit of locked memory, which is low",
        "LimitMEMLOCK=infinity in the helper's unit (systemctl edit tasklane-helper@.service)");
  if (to.size() == before) add(to, Level::ok, "kernel", "kernel " + seen.kernel + " can steer");
}

void settings(const Seen& seen, Findings& to) {
  const std::size_t before = to.size();
  const auto low = [&](const std::string& name, std::uint64_t least, const std::string& id,
                       const std::string& why) {
    const std::uint64_t value = number(seen.settings, name, least);
    std::string dotted = name;
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    if (value < least)
      add(to, Level::hint, id, dotted + " is " + std::to_string(value) + ": " + why,
          "sysctl -w " + dotted + "=" + std::to_string(least));
  };
  low("net/core/somaxconn", accept_queue, "short-accept-queue", "a burst of connections may be dropped");
  low("fs/nr_open", 65536, "few-descriptors-here", "the agent cannot hold many connections");
  if (number(seen.settings, "vm/overcommit_memory", 0) == 2)
    add(to, Level::hint, "strict-memory",
        "vm.overcommit_memory is 2: a model that is being loaded may leave none to others",
        "sysctl -w vm.overcommit_memory=0");
  const auto range = seen.settings.find("net/ipv4/ip_local_port_range");
  std::uint64_t from = 0;
  std::uint64_t end = 65535;
  if (range != seen.settings.end() && std::sscanf(range->second.c_str(), "%lu %lu", &from, &end) == 2 &&
      end - from < 4096)
    add(to, Level::hint, "few-ports",
        "net.ipv4.ip_local_port_range leaves " + std::to_string(end - from + 1) + " ports to dial from",
        "sysctl -w net.ipv4.ip_local_port_range='32768 60999'");
  if (number(seen.settings, "net/ipv4/conf/all/route_localnet", 0) != 0)
    add(to, Level::hint, "loopback-routed",
        "net.ipv4.conf.all.route_localnet is on: what listens on loopback may be reached from outside",
        "sysctl -w net.ipv4.conf.all.route_localnet=0, unless something needs it");
  if (seen.clock_source == "hpet" || seen.clock_source == "acpi_pm" || seen.clock_source == "jiffies")
    add(to, Level::hint, "slow-clock",
        "the kernel's clock source is " + seen.clock_source + ": each look at the clock is slow",
        "see 'clocksource' in the kernel's log: dmesg | grep -i clocksource");
  if (seen.unix_time != 0 && seen.unix_time < surely_past)
    add(to, Level::hint, "wrong-clock", "the system's clock is years behind", "timedatectl set-ntp true");
  if (to.size() == before) add(to, Level::ok, "settings", "the kernel's settings hurt nothing");
}

void rules(const Seen& seen, Findings& to) {
  if (!seen.config)
    return add(to, Level::problem, "rules-broken", seen.config_error, "tasklane check " + seen.config_file);
  add(to, Level::ok, "rules",
      seen.config->source + ": " + std::to_string(seen.config->rules.size()) + " rules");
  for (const std::string& remark : seen.remarks)
    add(to, Level::hint, "rules-remark", remark, "tasklane check " + seen.config_file);
  if (!seen.config_readable_by_agent)
    add(to, Level::hint, "rules-unreadable",
        seen.config_file + " cannot be read by the agent's user: the service cannot start by it",
        "chgrp tasklane " + seen.config_file + " && chmod g+r " + seen.config_file);
  const auto& metrics = seen.config->metrics;
  if (metrics && (metrics->starts_with("0.0.0.0:") || metrics->starts_with("[::]:")))
    add(to, Level::hint, "metrics-public", "metrics are offered to everybody (" + *metrics + ")",
        "\"metrics\": {\"listen\": \"127.0.0.1:9464\"}");
  if (seen.config->intercept.empty() && seen.config->listen.empty())
    add(to, Level::problem, "nothing-shaped", "the rules steer no port and listen on none",
        "\"intercept\": [{\"port\": 11434}]");
}

void suspended_or_bypassed(const Json& steering, Findings& to) {
  if (steering.value("bypassed", false))
    add(to, Level::problem, "bypassed", "the agent is bypassed: everything goes to the model untouched",
        "tasklane bypass off");
  const std::string why = steering.value("suspended", "");
  if (!why.empty())
    add(to, Level::problem, "suspended", "new connections pass the agent by: " + why,
        "journalctl -u tasklaned (userspace/README.md says what each reason means)");
}

void counters(const Json& steering, Findings& to) {
  const Json counts = steering.value("connections", Json::object());
  const auto seen = [&](const char* name, const char* id, const std::string& what,
                        const std::string& remedy) {
    if (const auto count = counts.value(name, 0u); count > 0)
      add(to, Level::hint, id, std::to_string(count) + " connections " + what, remedy);
  };
  seen("passed_stale", "was-hung", "passed the agent by while it started, was suspended or did not answer",
       "journalctl -u tasklaned; is the machine out of CPU or memory?");
  seen("passed_full", "was-full", "passed the agent by for it had no room for them",
       "raise LimitNOFILE in the unit, and max_connections");
  seen("passed_busy", "was-refused", "passed for the kernel refused to hand them over",
       "does another program steer here? bpftool link");
  seen("passed_no_listener", "lost-listener", "passed for the agent's own listener was gone",
       "systemctl restart tasklaned");
}

void stranger(Findings& to) {
  add(to, Level::problem, "agent-stranger",
      "what answers at the control socket is no agent of this kind: nothing is known of the agent",
      "is it tasklaned, and of this release? name its socket with --control");
}

// What becomes of clients without a living agent. `direct`: of those whose ports are steered; those of
// "listen" have no other way, for the agent itself is who listens.
std::string without_agent(const Seen& seen, const std::string& direct) {
  if (!seen.config || seen.config->listen.empty()) return direct;
  std::string ports;
  for (const Listen& listen : seen.config->listen)
    ports += (ports.empty() ? "" : ", ") + std::to_string(listen.port);
  const std::string none = "clients of \"listen\" (port " + ports + ") get no answer";
  return seen.config->intercept.empty() ? none : direct + ", but " + none;
}

void agent(const Seen& seen, Findings& to) {
  if (seen.agent == AgentState::stranger) return stranger(to);
  const std::string start =
      seen.service_manager ? "systemctl start tasklaned" : "tasklaned --config " + seen.config_file;
  if (seen.agent == AgentState::forbidden)
    return add(to, Level::hint, "agent-forbidden", "this user may not look at the agent",
               "adduser $USER tasklane, or sudo tasklane doctor");
  if (seen.agent == AgentState::dead)
    return add(
        to, Level::problem, "agent-dead",
        "the agent that made the control socket no longer runs; " + without_agent(seen, "traffic is direct"),
        start);
  if (seen.agent == AgentState::silent)
    return add(to, Level::problem, "agent-silent",
               "an agent runs and does not answer: it is stopped or hangs, and " +
                   without_agent(seen, "traffic passes it by"),
               seen.service_manager ? "journalctl -u tasklaned; systemctl restart tasklaned"
                                    : "look at its log; end it and start it anew");
  if (seen.agent == AgentState::absent)
    return add(to, Level::problem, "agent-absent",
               "no agent runs; " + without_agent(seen, "traffic is direct"), start);
  if (!seen.agent_user_exists)
    add(to, Level::hint, "no-agent-user",
        "there is no user 'tasklane': the agent runs as nobody, with others",
        "systemd-sysusers, or useradd --system tasklane");
  const Json steering = seen.stats.value("steering", Json::object());
  suspended_or_bypassed(steering, to);
  counters(steering, to);
  const auto room = steering.value("max_connections", 0u);
  if (seen.config && room != 0 && room < seen.config->limits.max_connections) {
    const auto wanted = seen.config->limits.max_connections * descriptors_of_a_connection;
    add(to, Level::hint, "few-descriptors",
        "the agent's descriptors allow " + std::to_string(room) + " connections, the rules " +
            std::to_string(seen.config->limits.max_connections),
        "LimitNOFILE=" + std::to_string(wanted) + " in the unit (systemctl edit tasklaned)");
  }
  const Json memory = seen.stats.value("memory", Json::object());
  if (memory.value("held_bytes", 0.0) > 0.8 * memory.value("limit_bytes", 1e18))
    add(to, Level::hint, "memory-nearly-full",
        "requests hold most of what \"limits.memory\" allows; past it they pass unclassified",
        "raise \"limits\": {\"memory\": ...}");
  const Json netns = steering.value("netns", Json::object());
  const bool gone = !netns.empty() && netns.value("now", "").empty();
  if (gone)
    add(to, Level::problem, "netns-gone",
        "the network namespace in which it steers is not there: " + netns.value("wanted", ""),
        "start the container, or change \"netns\"; it is steered within 2 s");
  if (seen.config && !seen.config->intercept.empty() && !gone && !steering.value("attached", false))
    add(to, Level::problem, "not-attached",
        "the agent runs, but steers nothing: it was started by other rules, or its program was detached",
        "systemctl restart tasklaned");
  if (to.empty() || to.back().level == Level::ok) add(to, Level::ok, "agent", "the agent runs");
}

void cut_prompts(const Seen& seen, Findings& to) {
  if (seen.agent != AgentState::answers || !seen.stats.is_object()) return;
  for (const Json& each : seen.stats.value("cut_prompts", Json::array()))
    add(to, Level::problem, "cut-prompts",
        "model " + each.value("model", "") + " has not read all of " +
            std::to_string(each.value("prompts", 0u)) + " prompts of client " + each.value("client", "") +
            ": of the last one, of at least " + std::to_string(each.value("sent_tokens_at_least", 0u)) +
            " tokens, " + std::to_string(each.value("read_tokens", 0u)),
        "a larger context: OLLAMA_CONTEXT_LENGTH for the server, or num_ctx in the model's settings of the "
        "front end; it takes memory");
}

void upstreams(const Seen& seen, Findings& to) {
  if (!seen.config) return;
  for (const auto& [name, found] : seen.upstreams) {
    const auto upstream = seen.config->upstreams.find(name);
    if (upstream == seen.config->upstreams.end()) continue;
    const Upstream& rule = upstream->second;
    if (!found.problem.empty()) {
      add(to, Level::problem, "upstream-down",
          "upstream \"" + name + "\" (" + rule.authority + ") does not answer: " + found.problem,
          "start it; until then the next upstream of each route serves");
      continue;
    }
    add(to, Level::ok, "upstream", "upstream \"" + name + "\" (" + rule.authority + ") answers");
    const auto known = [&models = found.models](const std::string& model) {
      return std::any_of(models.begin(), models.end(),
                         [&](const std::string& each) { return each == model || each == model + ":latest"; });
    };
    if (rule.model && !found.models.empty() && !known(*rule.model))
      add(to, Level::problem, "model-missing", "upstream \"" + name + "\" has no model " + *rule.model,
          "ollama pull " + *rule.model);
    if (on_loopback(rule.host) && rule.own_compute)
      add(to, Level::problem, "shared-machine",
          "upstream \"" + name + "\" is on this machine, and \"own_compute\" says that it slows no chat",
          "take \"own_compute\" out, unless it has a GPU of its own");
    else if (on_loopback(rule.host))
      add(to, Level::hint, "task-model-here",
          "upstream \"" + name +
              "\" shares this machine with the chat's model: tasks wait for the chat all the same",
          "\"own_compute\": true, where it has a GPU of its own");
  }
}

}  // namespace

std::vector<Finding> examine(const Seen& seen) {
  Findings all;
  if (!seen.root)
    add(all, Level::hint, "not-root",
        "without root not everything can be seen: other users' processes, their namespaces, redirections",
        "sudo tasklane doctor");
  for (const auto& part : {kernel, settings, rules, agent, cut_prompts, examine_models, upstreams}) {
    Findings found;
    try {
      part(seen, found);
    } catch (const Json::exception&) {  // only the agent's figures are read as JSON here
      found.clear();
      if (std::none_of(all.begin(), all.end(),
                       [](const Finding& each) { return each.id == "agent-stranger"; }))
        stranger(found);
    }
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

std::string to_text(const std::vector<Finding>& findings) {
  static constexpr std::array<const char*, 3> words{"ok     ", "hint   ", "problem"};
  std::string text;
  for (const Finding& each : findings) {
    text += std::string(words[static_cast<std::size_t>(each.level)]) + "  " + each.text + "\n";
    if (!each.remedy.empty()) text += "         -> " + each.remedy + "\n";
  }
  return text;
}

nlohmann::json to_json(const std::vector<Finding>& findings) {
  static constexpr std::array<const char*, 3> words{"ok", "hint", "problem"};
  Json all = Json::array();
  for (const Finding& each : findings)
    all.push_back({{"level", words[static_cast<std::size_t>(each.level)]},
                   {"id", each.id},
                   {"text", each.text},
                   {"remedy", each.remedy}});
  return all;
}

}  // namespace tasklane::doctor
