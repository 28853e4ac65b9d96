// `tasklane doctor`: whether this machine, its models, the rules and the agent fit together, and what to do
// where they do not. What is seen of the machine (Seen) is apart from what follows of it, so that each fault
// can be made by a test.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/decide/config.h"

namespace tasklane::doctor {

// A TCP socket that listens, in this network namespace or another.
struct Listener {
  std::string address;  // "127.0.0.1", "::"
  std::uint16_t port = 0;
  std::string program;  // its name in proc(5); empty: not to be seen
  int process = 0;
  bool here = true;                                // in this network namespace
  std::map<std::string, std::string> environment;  // OLLAMA_... of its process
  std::uint64_t netns = 0;                         // the number of its network namespace
  std::string container;                           // as its engine calls it; empty: none that is known
};

// A port of this network namespace that a rule of the packet filter (DNAT) or docker-proxy passes on.
struct Published {
  std::uint16_t port = 0;
  std::string to_address;  // empty: another port here
  std::uint16_t to_port = 0;
  bool by_proxy = false;
  std::uint64_t netns = 0;  // whose address that is; 0: nobody's who was seen
  auto operator<=>(const Published&) const = default;
};

// silent: hung or stopped; stranger: what answers is no agent
enum class AgentState { answers, absent, dead, silent, forbidden, stranger };

struct UpstreamSeen {
  std::string problem;              // why it does not answer; empty: it does
  std::vector<std::string> models;  // that it tells of; empty: it tells of none
};

struct Seen {
  bool root = true;  // who looks sees everything
  std::string kernel = "6.1";
  bool sk_lookup = true;
  bool bpf_permitted = true;
  std::map<std::string, std::string> settings;  // below /proc/sys: "net/core/somaxconn"
  std::string clock_source = "tsc";
  std::int64_t unix_time = 0;
  std::vector<std::string> steering_programs;  // names, of those attached to this namespace

  std::string config_file;
  std::optional<Config> config;
  std::string config_error;          // why there is none
  std::vector<std::string> remarks;  // of `tasklane check`
  bool config_readable_by_agent = true;
  bool agent_user_exists = true;

  AgentState agent = AgentState::answers;
  nlohmann::json stats;                                // the agent's; null: none
  std::map<std::string, std::uint64_t> helper_limits;  // "locked memory"; absent: not to be seen
  bool service_manager = true;                         // systemd runs here

  std::vector<Listener> listeners;
  std::vector<Published> published;
  std::optional<std::uint64_t> steered_netns;  // which one the rules' "netns" means; none: it is not there
  std::string engine_trouble;                  // why a container engine could not tell which; empty: it could
  std::map<std::string, UpstreamSeen> upstreams;  // by name; what the rules name and is not the original
};

enum class Level { ok, hint, problem };

struct Finding {
  Level level = Level::ok;
  std::string id;      // "agent-absent": for programs, and for tests
  std::string text;    // what is so
  std::string remedy;  // the command or setting that mends it; may be empty
};

std::vector<Finding> examine(const Seen& seen);

// A configuration for the model servers that were seen: those here, else those of one other network
// namespace; empty: none was.
std::string proposed_config(const Seen& seen);

// The machine as it is; `control`: the agent's socket, `config`: the rules, none: the usual ones.
Seen look(const std::string& control, const std::optional<std::string>& config);

// Parts of looking that read a text.
std::vector<Listener> listeners_of(std::string_view net_tcp, std::map<std::uint64_t, std::size_t>* by_inode);
std::vector<Published> translations_of(std::string_view rules);  // `nft list ruleset`, `iptables-save`
std::optional<Published> published_by_proxy(std::string_view command_line);  // words that end with zeros
std::string container_id_of(std::string_view cgroup);  // proc(5); empty: no container's of an engine
bool has_address(std::string_view fib_trie, const std::string& address);  // proc(5): /proc/net/fib_trie

std::string to_text(const std::vector<Finding>& findings);
nlohmann::json to_json(const std::vector<Finding>& findings);

}  // namespace tasklane::doctor

namespace tasklane {
void add_doctor(CLI::App& app, const std::string& control, ExitCode& exit);
}  // namespace tasklane
