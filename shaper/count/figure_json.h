// Figures as the agent's /stats has them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/count/figure.h"

namespace tasklane {

inline nlohmann::json json_of(std::uint64_t count) { return count; }
inline nlohmann::json json_of(Duration time) { return seconds_of(time); }
// In milliseconds: {"count", "p50", "p95", "p99", "max"}.
nlohmann::json json_of(const Histogram& histogram);

// Each figure of `owner` under its name.
template <class Owner, std::size_t N>
nlohmann::json figures_json(const std::array<Figure<Owner>, N>& figures, const Owner& owner) {
  nlohmann::json json = nlohmann::json::object();
  for (const Figure<Owner>& figure : figures)
    json[std::string(figure.json)] =
        std::visit([&](auto place) { return json_of(owner.*place); }, figure.place);
  return json;
}

}  // namespace tasklane
