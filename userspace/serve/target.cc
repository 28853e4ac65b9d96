#include "userspace/serve/target.h"

namespace tasklane {

Target target_of(const Target& origin, const Upstream& upstream) {
  if (upstream.original) return origin;
  Target target;
  target.host = upstream.host;
  target.port = upstream.port;
  return target;
}

ServerKey server_key(const Target& origin, const Upstream& upstream) {
  if (!upstream.original) return {upstream.authority};
  return {origin.steered ? "original:" + std::to_string(origin.destination.port())
                         : origin.host + ":" + std::to_string(origin.port)};
}

}  // namespace tasklane
