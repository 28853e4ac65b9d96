#include "shaper/decide/config.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "shaper/base/ip_network.h"
#include "shaper/decide/config_rule.h"
#include "shaper/decide/json_cursor.h"

namespace tasklane {
namespace {

constexpr std::int64_t highest_port = 65535;
constexpr std::size_t longest_socket_path = 107;  // unix(7): sun_path, without its last byte
constexpr std::string_view original_name = "original";

// Of an RFC 3986 host what a name or an address needs; the rest would end up in a Host field.
bool usable_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string authority;
};

// "host:port" or "[v6]:port" (RFC 3986 section 3.2); without a port `default_port`, where that is not 0.
std::optional<HostPort> parse_authority(std::string_view text, std::uint16_t default_port) {
  HostPort out;
  std::string_view port_text;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos || !parse_ip(text.substr(1, close - 1))) return std::nullopt;
    out.host = text.substr(1, close - 1);
    port_text = text.substr(close + 1);
  } else {
    const auto colon = text.rfind(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) port_text = text.substr(colon);
  }
  if (!usable_host(out.host)) return std::nullopt;
  unsigned port = default_port;
  if (!port_text.empty()) {
    const char* end = port_text.data() + port_text.size();
    const auto [stop, error] = std::from_chars(port_text.data() + 1, end, port);
    if (port_text.front() != ':' || error != std::errc() || stop != end) return std::nullopt;
  }
  if (port == 0 || port > highest_port) return std::nullopt;
  out.port = static_cast<std::uint16_t>(port);
  const bool ipv6 = out.host.find(':') != std::string::npos;
  if (ipv6 && !text.starts_with('[')) return std::nullopt;
  out.authority = (ipv6 ? "[" + out.host + "]" : out.host) + ":" + std::to_string(port);
  return out;
}

// "http://host:port", and nothing behind it: a request keeps its own path.
std::optional<HostPort> parse_url(const JsonCursor& at) {
  const std::optional<std::string> written = at.text();
  if (!written) return std::nullopt;
  constexpr std::string_view scheme = "http://";
  if (written->starts_with("https://")) {
    at.fail("https is not supported",
            "put a TLS-terminating proxy in front of it and name that with http://");
    return std::nullopt;
  }
  if (!written->starts_with(scheme)) {
    at.fail("'" + *written + "' does not start with http://", "write it like \"http://127.0.0.1:11435\"");
    return std::nullopt;
  }
  std::string_view rest = std::string_view(*written).substr(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) {
    at.fail("'" + *written + "' has a path",
            "give scheme, host and port alone; a request keeps its own path");
    return std::nullopt;
  }
  std::optional<HostPort> parsed = parse_authority(rest, 80);
  if (!parsed)
    at.fail("'" + *written + "' has no usable host and port", "write it like \"http://127.0.0.1:11435\"");
  return parsed;
}

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
    const std::optional<HostPort> parsed = parse_url(c);
    if (!parsed) return;
    listen.to_host = parsed->host;
    listen.to_port = parsed->port;
  };
  at.members({{"address", set_address}, {"to", set_to}}, {"address", "to"});
  if (!listen.host.empty() && listen.host == listen.to_host && listen.port == listen.to_port)
    at.fail("it would call itself", "'to' is the model server, 'address' another port");
  config.listen.push_back(std::move(listen));
}

// Such a server runs on the original's machine.
bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

void add_upstream(const std::string& name, const JsonCursor& plain, Config& config) {
  Upstream upstream;
  upstream.name = name;
  const JsonCursor at = plain.owned_by("upstream '" + name + "'");
  if (name.empty()) at.fail("an upstream needs a name", "rules and statistics name it");
  const auto set_address = [&](const JsonCursor& c) {
    const std::optional<std::string> written = c.text();
    if (written && *written != "original")
      c.fail("'" + *written + "' is no address that is known here",
             "\"original\" is where the client wanted to go; else give \"url\"");
    upstream.original = true;
  };
  const auto set_url = [&](const JsonCursor& c) {
    const std::optional<HostPort> parsed = parse_url(c);
    if (!parsed) return;
    upstream.host = parsed->host;
    upstream.port = parsed->port;
    upstream.authority = parsed->authority;
  };
  const auto set_model = [&](const JsonCursor& c) {
    upstream.model = c.text();
    if (upstream.model && upstream.model->empty())
      c.fail("the model's name is empty", "leave 'model' out to keep the request's own");
  };
  const auto set_slots = [&](const JsonCursor& c) {
    if (const auto value = c.integer(1, 1024)) upstream.slots = static_cast<unsigned>(*value);
  };
  const auto set_reserve = [&](const JsonCursor& c) {
    upstream.reserve = static_cast<unsigned>(c.integer(0, 1023).value_or(0));
  };
  std::optional<bool> own_compute;
  const auto set_own_compute = [&](const JsonCursor& c) { own_compute = c.boolean(); };
  const auto set_prewarm = [&](const JsonCursor& c) { upstream.prewarm = c.boolean().value_or(false); };
  const auto set_graft = [&](const JsonCursor& c) { upstream.graft = c.boolean().value_or(false); };
  const auto set_rewarm = [&](const JsonCursor& c) { upstream.rewarm = c.boolean().value_or(false); };
  at.members({{"address", set_address},
              {"url", set_url},
              {"model", set_model},
              {"slots", set_slots},
              {"reserve", set_reserve},
              {"own_compute", set_own_compute},
              {"rewarm", set_rewarm},
              {"graft", set_graft},
              {"prewarm", set_prewarm}});
  upstream.own_compute = own_compute.value_or(!upstream.original && !is_loopback(upstream.host));
  if (!at.value().is_object()) return;
  const bool has_url = at.value().contains("url");
  if (upstream.original == has_url)
    at.fail(has_url ? "both 'address' and 'url'" : "neither 'address' nor 'url'",
            "{\"address\": \"original\"} or {\"url\": \"http://host:port\"}");
  if (name == original_name && (has_url || upstream.model))
    at.fail("the name 'original' is kept for where the client wanted to go", "name this upstream otherwise");
  config.upstreams.emplace(name, std::move(upstream));
}

// The client's own destination always has a name, for statistics and for rules that name none.
void add_original(Config& config) {
  for (const auto& [name, upstream] : config.upstreams)
    if (upstream.original && !upstream.model) return;
  Upstream original;
  original.name = original_name;
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
  at.each_member([&](const std::string& name, const JsonCursor& c) { add_upstream(name, c, config); });
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
