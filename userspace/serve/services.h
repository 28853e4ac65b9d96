// What it takes to ask the services of a configuration: their keys and their TLS. Nothing of it is logged or
// shown.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/decide/config.h"
#include "userspace/serve/target.h"
#include "userspace/wire/tls_client.h"

namespace tasklane {

// A file's text, or the key in it. Error: it cannot be read (ExitCode::not_permitted: by this user), or is
// not what it should be.
using ReadFile = std::function<Result<std::string>(const std::filesystem::path&)>;

// The key of such a file, read by this process. A name without a folder is a credential that the service
// manager holds for it (systemd's LoadCredential=). Error also: others can read it, or it is too long for
// one.
Result<std::string> read_key(const std::filesystem::path& file);
// The key alone, of such a file's text.
Result<std::string> key_in(const std::filesystem::path& file, std::string_view text);
std::filesystem::path key_path(const std::string& written);
// A file of authorities, read by this process.
Result<std::string> read_authorities(const std::filesystem::path& file);

// How the files of services are read.
struct ServiceFiles {
  ReadFile key = read_key;
  ReadFile authorities = read_authorities;
};

// Of one configuration, and for it alone: a request keeps the two that it began with.
class Services {
 public:
  // Error: of the first service whose key or authorities cannot be had, with its name.
  static Result<Services> of(const Config& config, const ServiceFiles& files = {});
  // All that is wrong with the files of a configuration's services; `where` is a JSON pointer to the member
  // that names the file.
  static std::vector<Error> faults_of_files(const Config& config, const ServiceFiles& files = {});

  // Where `upstream` is for a client that wanted to go to `origin`, with what its TLS takes.
  [[nodiscard]] Target target_of(const Target& origin, const Upstream& upstream) const;
  // The head of a request to a service, whole. Nothing of any client's stands in it.
  [[nodiscard]] std::string head(const Upstream& upstream, Dialect dialect, std::size_t body_bytes) const;
  // Of a GET to any upstream at an address of its own, with a service's key.
  [[nodiscard]] std::string question(const Upstream& upstream, const std::string& path) const;

 private:
  struct Access {
    std::string key;
    std::shared_ptr<TlsClient> tls;
  };
  [[nodiscard]] std::string key_field(const Upstream& upstream) const;
  static Result<std::string> key_of(const Upstream& upstream, const ServiceFiles& files);
  static Result<std::shared_ptr<TlsClient>> tls_of(const Upstream& upstream, const ServiceFiles& files);

  std::map<std::string, Access, std::less<>> by_name_;
};

}  // namespace tasklane
