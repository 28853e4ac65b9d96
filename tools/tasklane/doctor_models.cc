// What becomes of connections to models: which are steered, which are not, and what to write where they are
// not.
#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "shaper/decide/config.h"
#include "tools/tasklane/doctor_parts.h"

namespace tasklane::doctor {
namespace {

constexpr std::array<std::uint16_t, 4> usual_ports{11434, 8080, 8000, 1234};
const std::set<std::string> model_servers{"ollama", "llama-server", "modelsim", "vllm", "lms", "koboldcpp"};
constexpr std::string_view docker_proxy = "docker-proxy";

bool is_a_model(const Listener& each) {
  return model_servers.contains(each.program) ||
         (each.program.empty() && std::count(usual_ports.begin(), usual_ports.end(), each.port) > 0);
}

std::string where(const Listener& each) {
  const std::string host =
      each.address.find(':') == std::string::npos ? each.address : "[" + each.address + "]";
  std::string who;
  if (!each.program.empty()) who = each.program + ", process " + std::to_string(each.process);
  if (!each.container.empty()) who += (who.empty() ? "container " : ", container ") + each.container;
  return host + ":" + std::to_string(each.port) + (who.empty() ? "" : " (" + who + ")");
}

std::string intercept(std::uint16_t port) {
  return "\"intercept\": [{\"port\": " + std::to_string(port) + "}]";
}

std::string netns_of(const Listener& each) {
  return each.container.empty() ? "of-listener:" + std::to_string(each.port) : "container:" + each.container;
}

// What to write for a model in another network namespace.
std::string setting_for(const Listener& each) {
  return "\"netns\": \"" + netns_of(each) + "\", " + intercept(each.port) +
         " (and what that takes: config/README.md, \"Containers\")";
}
void ollama(const Listener& server, const Seen& seen, Findings& to) {
  const auto value = [&](const char* name) {
    const auto found = server.environment.find(name);
    return found == server.environment.end() ? std::string() : found->second;
  };
  const std::string edit = " (systemctl edit ollama)";
  if (const std::string slots = value("OLLAMA_NUM_PARALLEL"); !slots.empty() && std::atoi(slots.c_str()) > 1)
    add(to, Level::hint, "ollama-parallel",
        "OLLAMA_NUM_PARALLEL=" + slots +
            ": tasks slow the chat beside which they run, and each slot takes memory",
        "Environment=OLLAMA_NUM_PARALLEL=1" + edit);
  bool two_models = false;
  if (seen.config)
    for (const auto& [name, upstream] : seen.config->upstreams)
      two_models |= upstream.model &&
                    (upstream.original || (on_loopback(upstream.host) && upstream.port == server.port));
  if (value("OLLAMA_MAX_LOADED_MODELS") == "1" && two_models)
    add(to, Level::problem, "ollama-one-loaded",
        "OLLAMA_MAX_LOADED_MODELS=1, and the rules ask a second model of the same server: each task unloads "
        "the chat's model",
        "Environment=OLLAMA_MAX_LOADED_MODELS=2" + edit);
  const std::string context = value("OLLAMA_CONTEXT_LENGTH");
  if (!context.empty() && std::atoi(context.c_str()) < 8192)
    add(to, Level::hint, "ollama-context",
        "OLLAMA_CONTEXT_LENGTH=" + context +
            ": longer chats are cut silently, and their cache is lost each turn",
        "Environment=OLLAMA_CONTEXT_LENGTH=16384" + edit);
  if (value("OLLAMA_KEEP_ALIVE") == "0")
    add(to, Level::hint, "ollama-unloads", "OLLAMA_KEEP_ALIVE=0: the model is loaded anew for each request",
        "Environment=OLLAMA_KEEP_ALIVE=5m" + edit);
}

// The ports that the rules steer, and what was seen of them.
class Ports {
 public:
  Ports(const Seen& seen, Findings& to) : seen_(seen), to_(to) {}

  void examine() {
    if (!seen_.config) return;
    if (seen_.root && !seen_.engine_trouble.empty())
      add(to_, Level::problem, "engine-silent",
          "which network namespace is meant cannot be told: " + seen_.engine_trouble,
          "start the engine (systemctl start docker), or name the container's network namespace by its path");
    for (const Intercept& each : seen_.config->intercept) one(each.port);
    for (const auto& [name, upstream] : seen_.config->upstreams) asked_.insert(upstream.port);
    for (const Listener& each : seen_.listeners) unshaped(each);
  }

 private:
  // In the namespace in which the rules steer, or anywhere else.
  [[nodiscard]] bool may_be_steered(const Listener& each) const {
    if (!seen_.config->netns) return each.here;
    return seen_.steered_netns && each.netns == *seen_.steered_netns;
  }
  [[nodiscard]] const Listener* listener(std::uint16_t port, bool steered) const {
    const Listener* found = nullptr;
    for (const Listener& each : seen_.listeners)
      if (each.port == port && may_be_steered(each) == steered && (steered || each.program != docker_proxy))
        if (found == nullptr || (is_a_model(each) && !is_a_model(*found))) found = &each;
    return found;
  }
  [[nodiscard]] const Listener* behind(const Published& each) const {
    for (const Listener& model : seen_.listeners)
      if (each.netns != 0 && model.netns == each.netns && model.port == each.to_port) return &model;
    return nullptr;
  }

  // What becomes of the connections to a model at one of the rules' ports.
  void reached(std::uint16_t port, const std::string& connections, const std::string& id = "model") {
    if (seen_.agent != AgentState::answers)
      add(to_, Level::ok, id, connections + " are steered as soon as the agent works");
    else if (steers(port))
      add(to_, Level::ok, id, connections + " go through the agent");
    else
      add(to_, Level::problem, "port-not-steered",
          connections + " pass the agent by: it was started by other rules", "systemctl restart tasklaned");
  }
  [[nodiscard]] bool steers(std::uint16_t port) const {
    const Json steering = seen_.stats.value("steering", Json::object());
    const std::string ending = ":" + std::to_string(port);
    for (const Json& each : steering.value("endpoints", Json::array()))
      if (each.get<std::string>().ends_with(ending)) return true;
    return false;
  }

  void one(std::uint16_t port) {
    const std::string name = "port " + std::to_string(port);
    if (seen_.config->netns) return elsewhere(port, name);
    const Listener* here = listener(port, true);
    const bool proxied = here != nullptr && here->program == docker_proxy;
    const auto published = std::find_if(seen_.published.begin(), seen_.published.end(),
                                        [&](const Published& each) { return each.port == port; });
    if (published != seen_.published.end())
      passed_on(*published, name);
    else if (proxied)
      passed_on({port, {}, 0, true, 0}, name);
    if (here != nullptr && !proxied) {
      reached(port, name + ": new connections to " + where(*here));
      ollama(*here, seen_, to_);
    }
    if (here != nullptr || published != seen_.published.end()) return;
    if (const Listener* other = listener(port, false)) {
      add(to_, Level::problem, "model-elsewhere",
          "the model on " + name + " listens in another network namespace: " + where(*other),
          setting_for(*other));
      told_.insert(other);
      return;
    }
    add(to_, Level::hint, "no-model", "no model listens on " + name + "; one is steered as soon as it does",
        "start the model server, or change \"intercept\"");
  }

  // A port that does not end here: what comes over loopback may reach docker-proxy, and the agent before it.
  void passed_on(const Published& published, const std::string& name) {
    const auto is = [&](bool by_proxy) {
      return std::any_of(seen_.published.begin(), seen_.published.end(), [&](const Published& each) {
        return each.port == published.port && each.by_proxy == by_proxy;
      });
    };
    const bool translated = !published.by_proxy || is(false);
    if (published.to_address.empty() && !published.by_proxy)
      return add(to_, Level::problem, "redirected",
                 name + " is redirected to port " + std::to_string(published.to_port) +
                     " before it reaches a socket: it is not steered",
                 intercept(published.to_port));
    const Listener* model = behind(published);
    if (model != nullptr) told_.insert(model);
    const std::string target = model != nullptr ? where(*model)
                               : published.to_address.empty()
                                   ? "a container"
                                   : published.to_address + ":" + std::to_string(published.to_port);
    const std::string remedy =
        model != nullptr ? setting_for(*model)
                         : "\"netns\": \"container:NAME\" (docker ps tells the name), and in \"intercept\" "
                           "the port inside" +
                               (published.to_port == 0 ? "" : ", " + std::to_string(published.to_port));
    if (translated)
      add(to_, Level::problem, "redirected",
          name + " is published for " + target +
              ": it is translated before it reaches a socket here, and not steered" +
              (is(true) ? ", but for what docker-proxy answers (over loopback, and over IPv6)" : ""),
          remedy);
    else
      add(to_, Level::hint, "docker-proxy",
          name + " is published for " + target +
              " by docker-proxy: what comes this way is steered, what asks the container by its own address "
              "is not",
          remedy);
  }

  // The rules name another network namespace; the agent itself says when that is gone.
  void elsewhere(std::uint16_t port, const std::string& name) {
    const std::string& netns = seen_.config->netns->text;
    if (!seen_.root)  // what is in there cannot be seen
      return add(to_, Level::ok, "model-elsewhere-steered",
                 name + ": steered in the network namespace " + netns);
    if (!seen_.steered_netns) {
      if (seen_.agent != AgentState::answers)
        add(to_, Level::hint, "netns-absent",
            name + ": there is no such network namespace now: " + netns + "; it is steered when there is",
            "start the container (docker ps -a), or change \"netns\"");
      return;
    }
    if (const Listener* model = listener(port, true)) {
      std::string text = name + ": new connections to " + where(*model);
      std::set<std::uint16_t> by;
      for (const Published& each : seen_.published)
        if (each.netns == model->netns && each.to_port == port && behind(each) != nullptr)
          by.insert(each.port);
      for (const std::uint16_t each : by)
        text += (each == *by.begin() ? ", and those to the published port " : ", ") + std::to_string(each);
      reached(port, text, "model-elsewhere-steered");
      return ollama(*model, seen_, to_);
    }
    for (const Published& each : seen_.published)
      if (each.port == port && each.netns == *seen_.steered_netns)
        return add(to_, Level::problem, "published-port-named",
                   name + " is that which is published; in " + netns + " nothing listens there",
                   intercept(each.to_port));
    add(to_, Level::hint, "no-model",
        "nothing listens on " + name + " in " + netns + "; a model is steered as soon as it does",
        "start the model server, or change \"intercept\" (ports are those inside)");
  }

  // A model that no rule names, or in a namespace in which these rules do not steer.
  void unshaped(const Listener& each) {
    if (!model_servers.contains(each.program) || told_.contains(&each)) return;
    const bool named = std::any_of(seen_.config->intercept.begin(), seen_.config->intercept.end(),
                                   [&](const Intercept& one) { return one.port == each.port; });
    if (may_be_steered(each)) {
      if (!named && !asked_.contains(each.port))
        add(to_, Level::hint, "model-unshaped", "a model server that no rule names: " + where(each),
            "add {\"port\": " + std::to_string(each.port) + "} to \"intercept\"");
    } else if ((each.here && !asked_.contains(each.port)) || !each.container.empty()) {
      add(to_, Level::hint, "model-unsteered",
          "a model server in a network namespace in which these rules do not steer: " + where(each),
          each.here ? "a second agent (--config, --control) for it, with rules without \"netns\""
                    : "rules for it, or a second agent's (--config, --control): " + setting_for(each));
    }
  }

  const Seen& seen_;
  Findings& to_;
  std::set<const Listener*> told_;
  std::set<std::uint16_t> asked_;
};

}  // namespace

void examine_models(const Seen& seen, Findings& to) {
  Ports(seen, to).examine();
  const auto foreign = std::count_if(seen.steering_programs.begin(), seen.steering_programs.end(),
                                     [](const auto& name) { return name != "steer"; });
  if (foreign > 0)
    add(to, Level::hint, "another-steers",
        std::to_string(foreign) +
            " other program(s) of type sk_lookup are attached here, and may take the model's connections",
        "bpftool link show");
}

std::string proposed_config(const Seen& seen) {
  const auto usable = [](const Listener& each) { return is_a_model(each) && (each.here || each.netns != 0); };
  const auto first = std::min_element(
      seen.listeners.begin(), seen.listeners.end(), [&](const Listener& one, const Listener& other) {
        const auto rank = [&](const Listener& each) {
          return std::tuple(!usable(each), !each.here, each.port != usual_ports.front(), each.netns);
        };
        return rank(one) < rank(other);
      });
  if (first == seen.listeners.end() || !usable(*first)) return {};
  std::set<std::uint16_t> ports;
  for (const Listener& each : seen.listeners)
    if (is_a_model(each) && each.here == first->here && (each.here || each.netns == first->netns))
      ports.insert(each.port);
  nlohmann::ordered_json config;
  config["version"] = 1;
  if (!first->here) config["netns"] = netns_of(*first);
  config["intercept"] = nlohmann::ordered_json::array();
  for (const std::uint16_t port : ports) config["intercept"].push_back({{"port", port}});
  nlohmann::ordered_json profile = nlohmann::ordered_json::parse(default_profile());
  for (const auto& [key, value] : profile.items())
    if (!config.contains(key)) config[key] = value;
  return config.dump(2) + "\n";
}

}  // namespace tasklane::doctor
