// What is known of containers by texts of the kernel and of the packet filter.
#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "tools/tasklane/doctor.h"

namespace tasklane::doctor {
namespace {

// What stands behind a word, up to the next blank; empty: nothing.
std::string_view word_behind(std::string_view line, std::string_view word) {
  const auto found = line.find(word);
  if (found == std::string_view::npos) return {};
  line.remove_prefix(found + word.size());
  return line.substr(0, line.find_first_of(" \t\r\n"));
}

std::uint16_t port_in(std::string_view text) {
  std::uint16_t port = 0;
  std::from_chars(text.data(), text.data() + text.size(), port);
  return port;
}

// "172.17.0.2:11434", "[fd00::2]:11434", "10.0.0.7", ":11434"; a range of addresses is no one's.
void go_to(std::string_view target, Published& to) {
  const auto bracket = target.find(']');
  const auto colon = target.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    to.to_port = port_in(target.substr(colon + 1));
    target = target.substr(0, colon);
  }
  if (target.starts_with('[')) target = target.substr(1, target.size() - 2);
  to.to_address = target;
  if (to.to_port == 0) to.to_port = to.port;
}

}  // namespace

// nft: "tcp dport 8080 counter dnat to 172.17.0.2:11434", "... redirect to :8081"; iptables-save:
// "-p tcp -m tcp --dport 8080 -j DNAT --to-destination ...", "... -j REDIRECT --to-ports 8081".
std::vector<Published> translations_of(std::string_view rules) {
  std::set<Published> found;
  std::istringstream lines{std::string(rules)};
  for (std::string line; std::getline(lines, line);) {
    Published each;
    each.port = port_in(word_behind(line, "dport "));
    if (each.port == 0) continue;
    for (const char* mark : {"dnat to ", "dnat ip to ", "dnat ip6 to ", "--to-destination "})
      if (const std::string_view to = word_behind(line, mark); !to.empty()) go_to(to, each);
    for (const char* mark : {"redirect to :", "--to-ports "})
      if (const std::string_view here = word_behind(line, mark); !here.empty()) each.to_port = port_in(here);
    if (each.to_port != 0) found.insert(std::move(each));
  }
  return {found.begin(), found.end()};
}

// "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 -container-port 11434"
std::optional<Published> published_by_proxy(std::string_view command_line) {
  std::string line(command_line);
  std::replace(line.begin(), line.end(), '\0', ' ');
  Published found;
  found.by_proxy = true;
  found.port = port_in(word_behind(line, "-host-port "));
  found.to_address = word_behind(line, "-container-ip ");
  found.to_port = port_in(word_behind(line, "-container-port "));
  if (word_behind(line, "-proto ") != "tcp" || found.port == 0 || found.to_port == 0) return std::nullopt;
  return found;
}

// Engines call a container's control group by its id: 64 hexadecimal digits, as a whole or behind a "-".
std::string container_id_of(std::string_view cgroup) {
  constexpr std::size_t length = 64;
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  std::size_t run = 0;
  for (std::size_t at = 0; at <= cgroup.size(); ++at) {
    if (at < cgroup.size() && is_hex(cgroup[at])) {
      ++run;
      continue;
    }
    const char before = at > run ? cgroup[at - run - 1] : '/';
    if (run == length && (before == '/' || before == '-')) return std::string(cgroup.substr(at - run, run));
    run = 0;
  }
  return {};
}

// "           |-- 172.17.0.2\n              /32 host LOCAL\n"
bool has_address(std::string_view fib_trie, const std::string& address) {
  const std::string line = "|-- " + address + "\n";
  for (auto found = fib_trie.find(line); found != std::string_view::npos;
       found = fib_trie.find(line, found + 1)) {
    const std::string_view next = fib_trie.substr(found + line.size());
    if (next.substr(0, next.find('\n')).ends_with("/32 host LOCAL")) return true;
  }
  return false;
}

}  // namespace tasklane::doctor
