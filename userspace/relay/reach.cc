#include "userspace/relay/reach.h"

namespace tasklane {

Awaitable<Result<UpstreamPtr>> reach(RelayContext& context, const Origin& origin, const Upstream& upstream,
                                     bool allow_idle) {
  const bool steered = origin.steered && upstream.original;
  Result<std::vector<TcpEndpoint>> addresses = std::vector<TcpEndpoint>{origin.destination};
  if (!upstream.original)
    addresses = co_await context.upstreams.resolve(upstream.host, upstream.port);
  else if (!origin.steered)
    addresses = co_await context.upstreams.resolve(origin.host, origin.port);
  if (!addresses) co_return addresses.error();
  Result<UpstreamPtr> dialled = Error{"the name has no address", upstream.host, "", ExitCode::found};
  for (const TcpEndpoint& address : *addresses) {
    if (allow_idle)
      if (UpstreamPtr idle = context.upstreams.take_idle(address)) co_return idle;
    dialled = co_await context.upstreams.dial(address, steered);
    if (dialled) break;
  }
  co_return dialled;
}

std::string server_key(const Origin& origin, const Upstream& upstream) {
  if (!upstream.original) return upstream.authority;
  return origin.steered ? "original:" + std::to_string(origin.destination.port())
                        : origin.host + ":" + std::to_string(origin.port);
}

}  // namespace tasklane
