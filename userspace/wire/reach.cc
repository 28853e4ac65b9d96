#include "userspace/wire/reach.h"

namespace tasklane {

Awaitable<Result<UpstreamPtr>> reach(UpstreamConnections& pool, Target target, bool allow_idle) {
  Result<std::vector<TcpEndpoint>> addresses = std::vector<TcpEndpoint>{target.destination};
  if (!target.steered) addresses = co_await pool.resolve(target.host, target.port);
  if (!addresses) co_return addresses.error();
  Result<UpstreamPtr> dialled = Error{"the name has no address", target.host, "", ExitCode::found};
  for (const TcpEndpoint& address : *addresses) {
    if (allow_idle)
      if (UpstreamPtr idle = pool.take_idle(address)) co_return idle;
    dialled = co_await pool.dial(address, target.steered);
    if (dialled) break;
  }
  co_return dialled;
}

}  // namespace tasklane
