#include "userspace/wire/reach.h"

namespace tasklane {

UpstreamPtr idle_connection(UpstreamConnections& pool, const Target& target) {
  if (target.steered) return pool.take_idle({target.destination, target.stead, target.tls});
  const std::vector<TcpEndpoint> known = pool.known_addresses(target.host, target.port);
  return known.empty() ? nullptr : pool.take_idle({known.front(), target.stead, target.tls});
}

Awaitable<Result<UpstreamPtr>> reach(UpstreamConnections& pool, Target target, ReachWishes wishes) {
  Result<std::vector<TcpEndpoint>> addresses = std::vector<TcpEndpoint>{target.destination};
  if (!target.steered) addresses = co_await pool.resolve(target.host, target.port, wishes.dialling);
  if (!addresses) co_return addresses.error();
  Result<UpstreamPtr> dialled = Error{"the name has no address", target.host, "", ExitCode::found};
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const Destination place{(*addresses)[i], target.stead, target.tls};
    if (wishes.allow_idle)
      if (UpstreamPtr idle = pool.take_idle(place)) co_return idle;
    const bool last = i + 1 == addresses->size();
    const DialPatience patience = !last || wishes.others_behind ? DialPatience::little
                                  : wishes.patient              ? DialPatience::endless
                                                                : DialPatience::usual;
    dialled = co_await pool.dial(place, target.steered, patience, wishes.dialling);
    if (dialled || (wishes.dialling && wishes.dialling->given_up())) break;
  }
  co_return dialled;
}

}  // namespace tasklane
