// What watching live costs: streamed answers on a loopback of our own, watched by `tasklane observe` and by
// tcpdump, one after the other.
#pragma once

#include <nlohmann/json.hpp>

namespace tasklane::bench {

// Each for so many seconds. Null: this process may not make a network namespace, or capture there.
nlohmann::ordered_json live(unsigned seconds);

}  // namespace tasklane::bench
