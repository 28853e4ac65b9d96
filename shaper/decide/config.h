// The configuration as typed values. Parsed once; nothing behind the parser asks JSON again.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/money.h"
#include "shaper/base/namespace_wish.h"
#include "shaper/base/request_class.h"
#include "shaper/base/result.h"
#include "shaper/base/units.h"
#include "shaper/decide/lane_settings.h"
#include "shaper/dialect/dialect.h"
#include "shaper/server/engine.h"

namespace tasklane {

struct Intercept {
  std::uint16_t port = 0;
};

// An ordinary listener for machines without BPF: clients are pointed at it.
struct Listen {
  std::string host;  // an IP address literal
  std::uint16_t port = 0;
  std::string to_host;  // IP literal or name
  std::uint16_t to_port = 0;
};

// An upstream that is asked in its own dialect and on Tasklane's own account, whatever its clients speak: it
// gets the translated task and nothing of a client's head.
struct Service {
  DialectFamily family = DialectFamily::openai;
  bool family_told =
      true;  // by the configuration; false: the server is asked, and this is not to be believed
  bool tls = false;
  std::string path;      // before the dialect's own: "/v1"
  bool off_host = true;  // not on this machine: what it gets leaves the host
  bool may_get_chats = false;
  std::string key_file;                         // empty: it wants no key
  std::string ca_file;                          // empty: the system's authorities
  Duration timeout = std::chrono::seconds(60);  // from the request to the end of its answer
  std::optional<Price> price;
  std::optional<Money> per_day;  // past it the next upstream of a route serves
};

struct Upstream {
  std::string name;
  std::string group{};    // of several addresses ("urls"): what rules call them all; empty: it has one
  bool original = false;  // "address": "original": where the client wanted to go
  std::string host;       // with "url": name or IP literal (no brackets)
  std::uint16_t port = 0;
  std::string authority;             // Host field of redirected requests: "host:port"
  std::optional<std::string> model;  // replaces the request's model
  std::optional<unsigned> slots;     // requests that it computes at once; none: learnt, else one
  unsigned reserve = 0;              // of them kept free of background work
  bool own_compute = false;          // its work slows no chat on the original; loopback: false unless said
  bool rewarm = false;               // the last chat's prompt is asked again after other work
  bool graft = false;                // tasks are asked on top of the chat that they quote
  bool only_if_resident = false;     // a task goes there only while its server holds `model` in memory
  std::optional<Duration>
      timeout{};         // with "url": its answer has come whole within it; none: as long as it takes
  bool prewarm = false;  // its system prompt and tools are asked when the front end's page is opened
  std::optional<Service> service{};
  Engine engine = Engine::unknown;   // as the configuration says
  bool priority_scheduling = false;  // its server lets what has a higher priority go first: so the operator

  // As rules call it.
  [[nodiscard]] const std::string& called() const { return group.empty() ? name : group; }
};

struct When;  // shaper/decide/when.h: the compiled tests of one rule

struct Then {
  std::vector<std::string> route;       // names of upstreams; empty: the original
  std::optional<nlohmann::json> patch;  // RFC 7396
  bool laned = false;  // some setting of `settings` is given: matching tasks wait in their lane
  std::set<std::string, std::less<>> given;  // their names
  LaneSettings settings;
};

struct Rule {
  std::string name;
  std::shared_ptr<const When> when;
  Then then;
};

struct Limits {
  ByteSize max_body{64ull << 20};    // past it a body streams through unclassified
  ByteSize max_header{64ull << 10};  // past it: 431
  ByteSize memory{512ull << 20};     // for all requests together; past it bodies stream through unclassified
  std::uint32_t max_connections =
      4096;  // past it new connections pass the agent by (steered) or wait (listen)
  Duration idle_timeout = std::chrono::minutes(10);    // between two requests of a connection
  Duration header_timeout = std::chrono::seconds(30);  // from a request's first byte to its last header byte
  Duration connect_timeout = std::chrono::seconds(2);
};

struct Config {
  std::string source;  // the file's name, for messages
  std::vector<Intercept> intercept;
  std::optional<NamespaceWish> netns;  // where they are steered; none: where the agent is started
  std::vector<Listen> listen;
  std::map<std::string, Upstream, std::less<>>
      upstreams;  // "original" is always there, under the name the file gives it
  std::vector<std::string> packs;
  std::vector<Rule> rules;
  Limits limits;
  Duration heartbeat_stale = std::chrono::seconds(2);
  bool answer_header = false;          // answers say in X-Tasklane how their request was treated
  std::optional<std::string> metrics;  // "address:port" of the TCP metrics listener
  std::string control_socket = "/run/tasklane/control.sock";

  // Whether some rule lets tasks wait in lanes.
  [[nodiscard]] bool has_lanes() const {
    return std::any_of(rules.begin(), rules.end(), [](const Rule& rule) { return rule.then.laned; });
  }
  // The one where the client wanted to go, unchanged.
  [[nodiscard]] const Upstream& original() const {
    const auto found = std::find_if(upstreams.begin(), upstreams.end(), [](const auto& each) {
      return each.second.original && !each.second.model;
    });
    return found->second;  // the parser sees to it that there is one
  }
  // Whether some rule wants tasks aligned with the chats' load options.
  [[nodiscard]] bool aligns() const {
    return std::any_of(rules.begin(), rules.end(), [](const Rule& rule) { return rule.then.settings.align; });
  }
};

// What rules send off this host, for whoever is to know it: of which classes the text, and to whom.
struct OffHost {
  std::string upstream;
  std::string where;                  // "https://host:port"
  std::vector<RequestClass> classes;  // empty: all

  [[nodiscard]] std::string classes_text() const;  // "title, tags"; "every class"
  [[nodiscard]] std::string text() const;
};
std::vector<OffHost> sent_off_host(const Config& config);

// Errors carry file, line and JSON pointer. All errors of one file are reported, one a line.
Result<Config> parse_config(std::string_view text, std::string_view source);
Result<Config> load_config(const std::filesystem::path& file);
// The one-model profile of config/, which is built in.
std::string_view default_profile();
Result<Config> default_config();
// The file where nobody names another; where it is not there, the one-model profile.
inline constexpr const char* usual_config_file = "/etc/tasklane/tasklane.json";
Result<Config> usual_config(const std::filesystem::path& file = usual_config_file);

}  // namespace tasklane
