// What it takes to ask the services of a configuration: their keys and their TLS. Nothing of it is logged or
// shown.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/decide/config.h"
#include "userspace/serve/target.h"
#include "userspace/wire/tls_client.h"

namespace tasklane {

// The text of a file of a key. Error: it cannot be read, or others can read it too.
using ReadKey = std::function<Result<std::string>(const std::filesystem::path&)>;
// By this process. A name without a folder is a credential that the service manager holds for it (systemd's
// LoadCredential=).
Result<std::string> read_key(const std::filesystem::path& file);
// The key alone, of such a file's text.
Result<std::string> key_in(const std::filesystem::path& file, std::string_view text);
std::filesystem::path key_path(const std::string& written);

class Services {
 public:
  // Error: of the first service whose key or authorities cannot be had, with its name.
  static Result<Services> of(const Config& config, const ReadKey& read = read_key);

  // Where `upstream` is for a client that wanted to go to `origin`, with what its TLS takes.
  [[nodiscard]] Target target_of(const Target& origin, const Upstream& upstream) const;
  // The head of a request to a service, whole. Nothing of any client's stands in it.
  [[nodiscard]] std::string head(const Upstream& upstream, Dialect dialect, std::size_t body_bytes) const;

 private:
  struct Access {
    std::string key;
    std::shared_ptr<TlsClient> tls;
  };
  std::map<std::string, Access, std::less<>> by_name_;
};

}  // namespace tasklane
