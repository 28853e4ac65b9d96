// What a configuration says about lanes and slots without effect.
#pragma once

#include <string>
#include <vector>

#include "shaper/decide/config.h"

namespace tasklane {

void note_lane_settings(const Rule& rule, std::vector<std::string>& remarks);
void note_upstreams(const Config& config, std::vector<std::string>& remarks);

}  // namespace tasklane
