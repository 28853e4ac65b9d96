// The figures as tables for a person.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tasklane::bench {

std::string table_of(const nlohmann::ordered_json& report);

}  // namespace tasklane::bench
