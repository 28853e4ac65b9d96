#include "shaper/base/namespace_wish.h"

#include <algorithm>
#include <charconv>

namespace tasklane {
namespace {

constexpr std::string_view container_prefix = "container:";
constexpr std::string_view listener_prefix = "of-listener:";
constexpr const char* forms = R"(give a NAME, a PATH, a process id, "container:NAME" or "of-listener:PORT")";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// What Docker and podman allow: [a-zA-Z0-9][a-zA-Z0-9_.-]*. So it can stand in a path as it is.
bool is_container_name(std::string_view name) {
  constexpr std::size_t longest = 255;
  if (name.empty() || name.size() > longest || !(is_digit(name[0]) || is_letter(name[0]))) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_digit(c) || is_letter(c) || c == '_' || c == '.' || c == '-'; });
}

std::uint16_t port_of(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), port);
  return bad == std::errc() && end == text.data() + text.size() ? port : std::uint16_t{0};
}

}  // namespace

Result<NamespaceWish> parse_namespace_wish(std::string_view text) {
  using Kind = NamespaceWish::Kind;
  NamespaceWish wish;
  wish.text = text;
  const std::string quoted = "'" + wish.text + "'";
  if (text.empty() || text == "." || text == ".." || text.find('\0') != std::string_view::npos)
    return Error{quoted + " names no network namespace", "", forms};
  if (text.starts_with(container_prefix)) {
    wish.kind = Kind::container;
    wish.name = text.substr(container_prefix.size());
    if (is_container_name(wish.name)) return wish;
    return Error{quoted + ": no container can have that name", "", R"(write it like "container:ollama")"};
  }
  if (text.starts_with(listener_prefix)) {
    wish.kind = Kind::of_listener;
    wish.port = port_of(text.substr(listener_prefix.size()));
    if (wish.port != 0) return wish;
    return Error{quoted + ": that is no port", "", R"(write it like "of-listener:11434")"};
  }
  if (text.find('/') != std::string_view::npos)
    wish.kind = Kind::path;
  else if (std::all_of(text.begin(), text.end(), is_digit))
    wish.kind = Kind::process;
  return wish;
}

}  // namespace tasklane
