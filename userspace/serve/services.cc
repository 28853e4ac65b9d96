#include "userspace/serve/services.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "shaper/base/trimmed.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {
namespace {

constexpr std::size_t longest_key = 4096;
constexpr std::size_t longest_authorities = 16U << 20;  // the system's own are a fortieth of it

Error unreadable(const std::string& what, const std::filesystem::path& file, const std::string& hint) {
  const int number = errno;
  const bool refused = number == EACCES || number == EPERM;
  return {what + " cannot be read: " + std::generic_category().message(number), file.string(), hint,
          refused ? ExitCode::not_permitted : ExitCode::usage};
}

Error too_long(const std::filesystem::path& file, std::size_t longest) {
  return {"the file is longer than " + std::to_string(longest) + " bytes", file.string(),
          "name the file that holds this alone"};
}

struct ReadWish {
  std::string what;
  std::size_t longest = 0;
  bool secret = false;
  std::string hint;
};

Result<std::string> read_whole(const std::filesystem::path& file, const ReadWish& wish) {
  const UniqueFd in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  struct stat about {};
  if (!in || ::fstat(in.get(), &about) != 0) return unreadable(wish.what, file, wish.hint);
  if (!S_ISREG(about.st_mode)) return Error{"it is no file", file.string(), wish.hint};
  if (wish.secret && (about.st_mode & S_IRWXO) != 0)
    return Error{"everybody can read the key", file.string(), "chmod 0600 " + file.string()};
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t count = 0; (count = ::read(in.get(), part.data(), part.size())) != 0;) {
    if (count < 0) return unreadable(wish.what, file, wish.hint);
    text.append(part.data(), static_cast<std::size_t>(count));
    if (text.size() > wish.longest) return too_long(file, wish.longest);
  }
  return Result<std::string>(boost::system::in_place_value, std::move(text));
}

Error of_upstream(const std::string& name, const Error& error) {
  return {"upstream '" + name + "': " + error.what, error.where, error.hint, error.exit};
}

// The file is named in the words: its place in the configuration is `where`.
Error at_member(const std::string& upstream, const std::string& member, const Error& error) {
  const auto pointer = nlohmann::json::json_pointer("/upstreams") / upstream / member;
  return {(error.where.empty() ? "" : error.where + ": ") + error.what, pointer.to_string(), error.hint,
          error.exit};
}

// Some refuse a name with its own port (RFC 9110 section 7.2 leaves it out where it is the scheme's).
std::string host_field(const Upstream& upstream) {
  const std::string& host = upstream.host;
  const bool tls = upstream.service && upstream.service->tls;
  if (upstream.port != (tls ? 443 : 80)) return "Host: " + upstream.authority + "\r\n";
  return "Host: " + (host.find(':') == std::string::npos ? host : "[" + host + "]") + "\r\n";
}

}  // namespace

std::filesystem::path key_path(const std::string& written) {
  const char* const credentials = std::getenv("CREDENTIALS_DIRECTORY");  // systemd.exec(5)
  if (written.find('/') != std::string::npos || credentials == nullptr) return written;
  return std::filesystem::path(credentials) / written;
}

// What RFC 9110 section 5.5 lets stand in a field.
Result<std::string> key_in(const std::filesystem::path& file, std::string_view text) {
  if (text.size() > longest_key) return too_long(file, longest_key);
  const std::string_view key = trimmed(text);
  const bool usable =
      !key.empty() && std::all_of(key.begin(), key.end(), [](char c) { return c > 32 && c < 127; });
  if (!usable) return Error{"the file holds no key", file.string(), "it holds the key alone, on one line"};
  return Result<std::string>(boost::system::in_place_value, key);
}

Result<std::string> read_key(const std::filesystem::path& file) {
  const Result<std::string> text = read_whole(
      file, {"the key", longest_key, true,
             "a file of the user tasklane (mode 0400), or a systemd credential named without a folder"});
  if (!text) return text.error();
  return key_in(file, *text);
}

Result<std::string> read_authorities(const std::filesystem::path& file) {
  return read_whole(file, {"the authorities", longest_authorities, false, "a file of certificates in PEM"});
}

Result<std::string> Services::key_of(const Upstream& upstream, const ServiceFiles& files) {
  if (upstream.service->key_file.empty()) return Result<std::string>(boost::system::in_place_value);
  return files.key(key_path(upstream.service->key_file));
}

Result<std::shared_ptr<TlsClient>> Services::tls_of(const Upstream& upstream, const ServiceFiles& files) {
  if (!upstream.service->tls) return std::shared_ptr<TlsClient>();
  std::optional<TlsClient::Authorities> authorities;
  if (const std::string& file = upstream.service->ca_file; !file.empty()) {
    Result<std::string> text = files.authorities(file);
    if (!text) return text.error();
    authorities = {std::move(*text), file};
  }
  return TlsClient::make(upstream.host, authorities);
}

Result<Services> Services::of(const Config& config, const ServiceFiles& files) {
  Services services;
  for (const auto& [name, upstream] : config.upstreams) {
    if (!upstream.service) continue;
    Result<std::string> key = key_of(upstream, files);
    if (!key) return of_upstream(name, key.error());
    Result<std::shared_ptr<TlsClient>> tls = tls_of(upstream, files);
    if (!tls) return of_upstream(name, tls.error());
    services.by_name_.emplace(name, Access{std::move(*key), std::move(*tls)});
  }
  return services;
}

std::vector<Error> Services::faults_of_files(const Config& config, const ServiceFiles& files) {
  std::vector<Error> faults;
  for (const auto& [name, upstream] : config.upstreams) {
    if (!upstream.service) continue;
    if (const auto key = key_of(upstream, files); !key)
      faults.push_back(at_member(name, "api_key_file", key.error()));
    if (const auto tls = tls_of(upstream, files); !tls)
      faults.push_back(at_member(name, upstream.service->ca_file.empty() ? "url" : "ca_file", tls.error()));
  }
  return faults;
}

Target Services::target_of(const Target& origin, const Upstream& upstream) const {
  Target target = tasklane::target_of(origin, upstream);
  if (!upstream.service || !upstream.service->tls) return target;
  if (const auto found = by_name_.find(upstream.name); found != by_name_.end())
    target.tls = found->second.tls;
  if (!target.tls)
    target.host = "without-tls.invalid";  // never in clear: such a name is nowhere (RFC 6761 section 6.4)
  return target;
}

std::string Services::key_field(const Upstream& upstream) const {
  const auto found = by_name_.find(upstream.name);
  if (found == by_name_.end() || found->second.key.empty()) return {};
  return "Authorization: Bearer " + found->second.key + "\r\n";
}

// One that is no service says no path; it is asked where servers of OpenAI's dialect are.
std::string Services::head(const Upstream& upstream, Dialect dialect, std::size_t body_bytes) const {
  const std::string path = upstream.service ? upstream.service->path : std::string("/v1");
  return "POST " + path + "/" + std::string(dialect_row(dialect).path) + " HTTP/1.1\r\n" +
         host_field(upstream) +
         "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" +
         key_field(upstream) + "Content-Length: " + std::to_string(body_bytes) + "\r\n\r\n";
}

std::string Services::question(const Upstream& upstream, const std::string& path) const {
  return "GET " + path + " HTTP/1.1\r\n" + host_field(upstream) + key_field(upstream) +
         "Accept: application/json\r\nConnection: close\r\n\r\n";
}

}  // namespace tasklane
