// Bytes both ways, unread: for what is not HTTP/1, for upgraded connections, and past the connection limit.
#pragma once

#include <memory>
#include <string>

#include "userspace/wire/client_input.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

// Ends when either side has ended: a half-close is passed on, and the other direction runs to its end.
// `leftover` has come from the upstream already.
Awaitable<void> tunnel(TcpSocket& client, std::shared_ptr<ClientInput> input, UpstreamPtr upstream,
                       std::string leftover = {});

}  // namespace tasklane
