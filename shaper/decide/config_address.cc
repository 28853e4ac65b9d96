#include "shaper/decide/config_address.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "shaper/base/ip_network.h"
#include "shaper/base/shown.h"
#include "shaper/http/request_head.h"

namespace tasklane {
namespace {

constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

// Of an RFC 3986 host what a name or an address needs; the rest would end up in a Host field.
bool usable_host(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

// What a request line may hold of a path without being quoted (RFC 3986 section 3.3).
bool usable_path(std::string_view path) {
  return std::all_of(path.begin(), path.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~!$&'()*+,;=:@").find(c) != std::string_view::npos;
  });
}

}  // namespace

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

std::optional<Url> parse_url(const JsonCursor& at) {
  const std::optional<std::string> written = at.text();
  if (!written) return std::nullopt;
  Url url;
  url.tls = written->starts_with("https://");
  if (!url.tls && !written->starts_with("http://")) {
    at.fail("'" + shown_value(*written) + "' does not start with http:// or https://",
            "write it like \"http://127.0.0.1:11435\"");
    return std::nullopt;
  }
  const std::string_view rest = std::string_view(*written).substr(url.tls ? 8 : 7);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  url.path = rest.substr(slash);
  if (url.path.ends_with('/')) url.path.pop_back();
  std::optional<HostPort> parsed = parse_authority(rest.substr(0, slash), url.tls ? https_port : http_port);
  if (!parsed || !usable_path(url.path)) {
    const bool names_somebody = written->find('@') != std::string::npos;
    at.fail("'" + shown_value(*written) + "' has no usable host, port and path",
            names_somebody ? "no name and password stand in it: a service's key is in its \"api_key_file\""
                           : "write it like \"http://127.0.0.1:11435\" or \"https://api.example.com/v1\"");
    return std::nullopt;
  }
  url.at = std::move(*parsed);
  return url;
}

std::optional<HostPort> parse_plain_url(const JsonCursor& at) {
  std::optional<Url> url = parse_url(at);
  if (!url) return std::nullopt;
  if (url->tls) {
    at.fail("a model server that is listened for is reached by http",
            "https is for upstreams alone: see \"upstreams\"");
    return std::nullopt;
  }
  if (!url->path.empty()) {
    at.fail("'" + shown_value(at.value().get<std::string>()) + "' has a path",
            "give scheme, host and port alone; a request keeps its own path");
    return std::nullopt;
  }
  return std::move(url->at);
}

bool is_loopback(std::string_view host) {
  if (equal_names(host, "localhost")) return true;
  const std::optional<IpBytes> address = parse_ip(host);
  if (!address) return false;
  const IpBytes nowhere{}, one = *parse_ip("::1"), nowhere_in_ipv4 = *parse_ip("0.0.0.0");
  constexpr std::array<std::uint8_t, 13> ipv4_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
  return *address == one || *address == nowhere || *address == nowhere_in_ipv4 ||
         std::equal(ipv4_loopback.begin(), ipv4_loopback.end(), address->begin());
}

}  // namespace tasklane
