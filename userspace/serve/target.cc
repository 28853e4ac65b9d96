#include "userspace/serve/target.h"

namespace tasklane {

Target target_of(const Target& origin, const Upstream& upstream) {
  if (upstream.original) return origin;
  Target target;
  target.host = upstream.host;
  target.port = upstream.port;
  return target;
}

namespace {

// What somebody else's server takes at once it takes of each account: of each key, not of each address.
bool is_account(const Upstream& upstream) {
  return upstream.service && upstream.service->tls && upstream.service->off_host;
}

}  // namespace

ServerKey server_key(const Target& origin, const Upstream& upstream) {
  if (!upstream.original)
    return {is_account(upstream) ? upstream.called() + '@' + upstream.authority : upstream.authority};
  return {origin.steered ? "original:" + std::to_string(origin.destination.port())
                         : origin.host + ":" + std::to_string(origin.port)};
}

}  // namespace tasklane
