#include "userspace/serve/opened_ahead.h"

#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "userspace/wire/spawn.h"

namespace tasklane {

void OpenedAhead::want(UpstreamConnections& pool, const Target& target) {
  if (!target.tls || pool.keeps_nothing() || pool.has_idle(target.tls) || opening_.contains(target.tls))
    return;
  auto opening = std::make_shared<Opening>(io_);
  opening_.emplace(target.tls, opening);
  spawn(io_, "a connection opened ahead", open(pool, target, std::move(opening)));
}

Awaitable<void> OpenedAhead::open(UpstreamConnections& pool, Target target,
                                  std::shared_ptr<Opening> opening) {
  const std::shared_ptr<TlsClient> tls = target.tls;
  const ReachWishes wishes{};
  Result<UpstreamPtr> reached = co_await reach(pool, std::move(target), wishes);
  opening_.erase(tls);
  if (reached)
    pool.keep_unused(std::move(*reached), now());
  else
    opening->came_to = reached.error();
  opening->end.cancel();
}

Awaitable<Result<void>> OpenedAhead::join(std::shared_ptr<TlsClient> there) {
  const auto found = opening_.find(there);
  if (found == opening_.end()) co_return Result<void>();
  const std::shared_ptr<Opening> opening = found->second;
  error_code ignored;
  co_await opening->end.async_wait(asio::redirect_error(use_await, ignored));
  co_return opening->came_to;
}

}  // namespace tasklane
