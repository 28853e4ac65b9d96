#include "shaper/decide/config.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "shaper/base/ip_network.h"
#include "shaper/decide/config_address.h"
#include "shaper/decide/config_rule.h"
#include "shaper/decide/config_upstream.h"
#include "shaper/decide/json_cursor.h"

namespace tasklane {
namespace {

constexpr std::size_t longest_socket_path = 107;  // unix(7): sun_path, without its last byte

void add_intercept(const JsonCursor& at, Config& config) {
  at.members({{"port",
               [&](const JsonCursor& c) {
                 const auto port = c.integer(1, highest_port);
                 if (!port) return;
                 for (const Intercept& other : config.intercept)
                   if (other.port == *port)
                     return c.fail("port " + std::to_string(*port) + " is named twice");
                 config.intercept.push_back({static_cast<std::uint16_t>(*port)});
               }}},
             {"port"});
}

void add_listen(const JsonCursor& at, Config& config) {
  Listen listen;
  const auto set_address = [&](const JsonCursor& c) {
    const std::optional<std::string> written = c.text();
    if (!written) return;
    const std::optional<HostPort> parsed = parse_authority(*written, 0);
    if (!parsed || !parse_ip(parsed->host))
      return c.fail("'" + *written + "' is no address and port",
                    "write it like \"127.0.0.1:11440\" or \"[::1]:11440\"");
    listen.host = parsed->host;
    listen.port = parsed->port;
    for (const Listen& other : config.listen)
      if (other.host == listen.host && other.port == listen.port) c.fail("'" + *written + "' is named twice");
  };
  const auto set_to = [&](const JsonCursor& c) {
    const std::optional<HostPort> parsed = parse_plain_url(c);
    if (!parsed) return;
    listen.to_host = parsed->host;
    listen.to_port = parsed->port;
  };
  at.members({{"address", set_address}, {"to", set_to}}, {"address", "to"});
  if (!listen.host.empty() && listen.host == listen.to_host && listen.port == listen.to_port)
    at.fail("it would call itself", "'to' is the model server, 'address' another port");
  config.listen.push_back(std::move(listen));
}

// The client's own destination always has a name, for statistics and for rules that name none.
void add_original(Config& config) {
  for (const auto& [name, upstream] : config.upstreams)
    if (upstream.original && !upstream.model) return;
  Upstream original;
  original.name = std::string(original_name);
  original.original = true;
  config.upstreams.emplace(original.name, original);
}

void set_limits(const JsonCursor& at, Limits& limits) {
  const auto size = [](ByteSize& target, std::uint64_t least) {
    return [&target, least](const JsonCursor& c) {
      const std::optional<ByteSize> value = c.size();
      if (value && value->bytes < least) c.fail("is below " + to_text(ByteSize{least}));
      if (value) target = *value;
    };
  };
  const auto duration = [](Duration& target) {
    return [&target](const JsonCursor& c) {
      const std::optional<Duration> value = c.duration();
      if (value && *value <= Duration::zero()) c.fail("must be longer than nothing");
      if (value) target = *value;
    };
  };
  at.members({{"max_body", size(limits.max_body, 1024)},
              {"max_header", size(limits.max_header, 1024)},
              {"memory", size(limits.memory, 1ULL << 20)},
              {"max_connections",
               [&](const JsonCursor& c) {
                 if (const auto value = c.integer(1, 1000000))
                   limits.max_connections = static_cast<std::uint32_t>(*value);
               }},
              {"idle_timeout", duration(limits.idle_timeout)},
              {"header_timeout", duration(limits.header_timeout)},
              {"connect_timeout", duration(limits.connect_timeout)}});
}

void set_heartbeat(const JsonCursor& at, Config& config) {
  at.members({{"stale", [&](const JsonCursor& c) {
                 const std::optional<Duration> value = c.duration();
                 if (value && (*value < std::chrono::milliseconds(600) || *value > std::chrono::minutes(1)))
                   return c.fail("must be from 600ms to 1m");
                 if (value) config.heartbeat_stale = *value;
               }}});
}

void set_metrics(const JsonCursor& at, Config& config) {
  at.members({{"listen",
               [&](const JsonCursor& c) {
                 const std::optional<std::string> written = c.text();
                 if (!written) return;
                 const std::optional<HostPort> parsed = parse_authority(*written, 0);
                 if (!parsed || !parse_ip(parsed->host))
                   return c.fail("'" + *written + "' is no address and port",
                                 "write it like \"127.0.0.1:9464\"");
                 config.metrics = *written;
               }}},
             {"listen"});
}

void set_version(const JsonCursor& at) {
  if (at.value() != 1) at.fail("must be 1, not " + at.value().dump(), "this release reads version 1");
}

void set_netns(const JsonCursor& at, Config& config) {
  const std::optional<std::string> text = at.text();
  if (!text) return;
  Result<NamespaceWish> wish = parse_namespace_wish(*text);
  if (!wish) return at.fail(wish.error().what, wish.error().hint);
  config.netns = std::move(*wish);
}

void set_socket(const JsonCursor& at, Config& config) {
  const std::optional<std::string> path = at.text();
  if (!path) return;
  if (path->empty() || path->size() > longest_socket_path)
    return at.fail("a UNIX socket's path has from 1 to " + std::to_string(longest_socket_path) + " bytes",
                   "the default is \"" + config.control_socket + "\"");
  config.control_socket = *path;
}

bool says_nothing(const nlohmann::json& top, const char* key) {
  return !top.contains(key) || (top[key].is_array() && top[key].empty());
}

void set_upstreams(const JsonCursor& at, Config& config) {
  at.each_member([&](const std::string& name, const JsonCursor& c) {
    for (Upstream& upstream : parse_upstream(name, c)) {
      std::string key = upstream.name;
      if (!config.upstreams.emplace(key, std::move(upstream)).second)
        c.fail("'" + key + "' is the name of another upstream too", "each address of \"urls\" is named so");
    }
  });
}

void set_all(const JsonCursor& top, Config& config) {
  const nlohmann::json& value = top.value();
  // Rules name upstreams: those are read first, wherever they stand.
  if (value.is_object() && value.contains("upstreams"))
    top.members_only("upstreams", [&](const JsonCursor& c) { set_upstreams(c, config); });
  add_original(config);
  top.members(
      {{"$schema", [](const JsonCursor&) {}},
       {"version", set_version},
       {"intercept",
        [&](const JsonCursor& c) { c.each([&](const JsonCursor& e) { add_intercept(e, config); }); }},
       {"netns", [&](const JsonCursor& c) { set_netns(c, config); }},
       {"listen", [&](const JsonCursor& c) { c.each([&](const JsonCursor& e) { add_listen(e, config); }); }},
       {"upstreams", [](const JsonCursor&) {}},
       {"packs",
        [&](const JsonCursor& c) {
          c.each([&](const JsonCursor& e) {
            if (const auto name = e.text()) config.packs.push_back(*name);
          });
        }},
       {"rules", [&](const JsonCursor& c) { config.rules = parse_rules(c, config.upstreams); }},
       {"limits", [&](const JsonCursor& c) { set_limits(c, config.limits); }},
       {"heartbeat", [&](const JsonCursor& c) { set_heartbeat(c, config); }},
       {"answer_header",
        [&](const JsonCursor& c) {
          if (const auto wanted = c.boolean()) config.answer_header = *wanted;
        }},
       {"metrics", [&](const JsonCursor& c) { set_metrics(c, config); }},
       {"control",
        [&](const JsonCursor& control) {
          control.members({{"socket", [&](const JsonCursor& c) { set_socket(c, config); }}});
        }}},
      {"version"});
  if (value.is_object() && says_nothing(value, "intercept") && says_nothing(value, "listen"))
    top.fail("neither 'intercept' nor 'listen'", "\"intercept\": [{\"port\": 11434}] steers Ollama's port");
  else if (config.netns && says_nothing(value, "intercept"))
    top.fail("'netns' without 'intercept'",
             "it says where ports are steered: \"intercept\": [{\"port\": 11434}]");
}

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view source) {
  const Result<JsonText> json = JsonText::parse(text, source);
  if (!json) return json.error();
  Config config;
  config.source = source;
  Problems problems(*json);
  set_all(JsonCursor(json->value(), "", problems), config);
  if (!problems.empty()) return problems.error();
  return config;
}

std::string_view default_profile() {
  static constexpr std::string_view profile =
#include "builtin_profile.inc"
      ;
  return profile;
}

Result<Config> default_config() { return parse_config(default_profile(), "the built-in one-model profile"); }

Result<Config> load_config(const std::filesystem::path& file) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(file, error);
  std::ifstream in(file);
  if (!in || folder)
    return Error{"cannot read the configuration: " +
                     std::string(folder ? "it is a folder" : std::generic_category().message(errno)),
                 file.string(), "name a JSON file with --config"};
  std::ostringstream text;
  text << in.rdbuf();
  return parse_config(text.str(), file.string());
}

Result<Config> usual_config(const std::filesystem::path& file) {
  std::error_code error;
  const bool there = std::filesystem::exists(file, error);
  // One that cannot be looked at is no missing one.
  return there || error ? load_config(file) : default_config();
}

}  // namespace tasklane
