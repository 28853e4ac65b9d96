// What a configuration says about lanes and slots without effect.
#pragma once

#include <string>
#include <vector>

#include "shaper/decide/config.h"

namespace tasklane {

// Its tasks need not wait for chats, for its server lets those go first: where no other computes beside it.
bool goes_beside_chats(const Upstream& upstream);
void note_lane_settings(const Rule& rule, std::vector<std::string>& remarks);
void note_upstreams(const Config& config, std::vector<std::string>& remarks);

}  // namespace tasklane
