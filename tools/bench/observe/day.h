// A capture of people at one simulated model, direct, without Tasklane: bench_chat's chatter and typist in
// virtual time, written down packet by packet as they would have been on the wire.
#pragma once

#include <functional>
#include <string_view>

#include "tools/bench/chat/ways.h"

namespace tasklane::bench {

using GivePacket = std::function<void(std::string_view frame, Time at)>;

// Gives the packets in the order of time; what the people saw meanwhile.
Seen capture_virtually(const HostOptions& host, const GivePacket& give);

}  // namespace tasklane::bench
