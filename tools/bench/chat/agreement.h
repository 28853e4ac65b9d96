// Two runs of the same people side by side, and whether their figures agree.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/bench/chat/people.h"

namespace tasklane::bench {

// The hosts' people as one crowd.
void add_to(Seen& crowd, const Seen& host);

// The figures of both with their ratio, and "agree".
nlohmann::ordered_json side_by_side(const Seen& wire, const Seen& virtual_time);

// What two figures may differ by.
nlohmann::ordered_json tolerance();

void print_wire_table(const nlohmann::ordered_json& report);

}  // namespace tasklane::bench
