#include "userspace/serve/services.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "shaper/base/trimmed.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {
namespace {

constexpr std::size_t longest_key = 4096;

Error unreadable(const std::filesystem::path& file, int number) {
  return {"the key cannot be read: " + std::generic_category().message(number), file.string(),
          "a file of the user tasklane (mode 0400), or a systemd credential named without a folder"};
}

// A request may hold an upstream of a configuration from before: what belongs to another of its name is not
// for it.
std::string called(const Upstream& upstream) { return upstream.name + ' ' + upstream.authority; }

Error of_upstream(const std::string& name, const Error& error) {
  return {"upstream '" + name + "': " + error.what, error.where, error.hint, error.exit};
}

}  // namespace

std::filesystem::path key_path(const std::string& written) {
  const char* const credentials = std::getenv("CREDENTIALS_DIRECTORY");  // systemd.exec(5)
  if (written.find('/') != std::string::npos || credentials == nullptr) return written;
  return std::filesystem::path(credentials) / written;
}

// What RFC 9110 section 5.5 lets stand in a field.
Result<std::string> key_in(const std::filesystem::path& file, std::string_view text) {
  const std::string_view key = trimmed(text);
  const bool usable =
      !key.empty() && std::all_of(key.begin(), key.end(), [](char c) { return c > 32 && c < 127; });
  if (!usable) return Error{"the file holds no key", file.string(), "it holds the key alone, on one line"};
  return Result<std::string>(boost::system::in_place_value, key);
}

Result<std::string> read_key(const std::filesystem::path& file) {
  const UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!in) return unreadable(file, errno);
  struct stat about {};
  if (::fstat(in.get(), &about) != 0) return unreadable(file, errno);
  if (!S_ISREG(about.st_mode)) return Error{"the key's file is no file", file.string(), ""};
  if ((about.st_mode & S_IRWXO) != 0)
    return Error{"everybody can read the key", file.string(), "chmod 0600 " + file.string()};
  std::array<char, longest_key> text{};
  const ssize_t count = ::read(in.get(), text.data(), text.size());
  if (count < 0) return unreadable(file, errno);
  return key_in(file, {text.data(), static_cast<std::size_t>(count)});
}

Result<Services> Services::of(const Config& config, const ReadKey& read) {
  Services services;
  for (const auto& [name, upstream] : config.upstreams) {
    if (!upstream.service) continue;
    Access access;
    if (!upstream.service->key_file.empty()) {
      Result<std::string> key = read(key_path(upstream.service->key_file));
      if (!key) return of_upstream(name, key.error());
      access.key = std::move(*key);
    }
    if (upstream.service->tls) {
      auto tls = TlsClient::make(upstream.host, upstream.service->ca_file);
      if (!tls) return of_upstream(name, tls.error());
      access.tls = std::move(*tls);
    }
    services.by_name_.emplace(called(upstream), std::move(access));
  }
  return services;
}

Target Services::target_of(const Target& origin, const Upstream& upstream) const {
  Target target = tasklane::target_of(origin, upstream);
  if (!upstream.service || !upstream.service->tls) return target;
  if (const auto found = by_name_.find(called(upstream)); found != by_name_.end())
    target.tls = found->second.tls;
  if (target.tls) return target;
  auto made = TlsClient::make(upstream.host, upstream.service->ca_file);
  if (made)
    target.tls = std::move(*made);
  else
    target.host = "without-tls.invalid";  // never in clear: such a name is nowhere (RFC 6761 section 6.4)
  return target;
}

std::string Services::head(const Upstream& upstream, Dialect dialect, std::size_t body_bytes) const {
  const Service& service = *upstream.service;
  const std::string& host = upstream.host;
  const bool usual_port = upstream.port == (service.tls ? 443 : 80);
  std::string head =
      "POST " + service.path + "/" + std::string(dialect_row(dialect).path) + " HTTP/1.1\r\nHost: ";
  // Some refuse a name with its own port (RFC 9110 section 7.2 leaves it out where it is the scheme's).
  head += usual_port ? (host.find(':') == std::string::npos ? host : "[" + host + "]") : upstream.authority;
  head += "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";
  if (const auto found = by_name_.find(called(upstream));
      found != by_name_.end() && !found->second.key.empty())
    head += "Authorization: Bearer " + found->second.key + "\r\n";
  head += "Content-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
  return head;
}

}  // namespace tasklane
