#include "shaper/base/json_instances.h"

template class nlohmann::basic_json<>;
template class nlohmann::basic_json<nlohmann::ordered_map>;
TASKLANE_JSON_INSTANCES(, nlohmann::json);
TASKLANE_JSON_INSTANCES(, nlohmann::ordered_json);
