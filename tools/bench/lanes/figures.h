// Measured values as a report shows them.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "tools/support/quantile.h"

namespace tasklane::bench {

using Json = nlohmann::ordered_json;

inline double rounded(double value) { return std::round(value * 1000) / 1000; }

inline Json spread_of(const std::vector<double>& values) {
  if (values.empty()) return {{"count", 0}};
  return {{"count", values.size()},
          {"p50", rounded(quantile(values, 0.5))},
          {"p95", rounded(quantile(values, 0.95))},
          {"p99", rounded(quantile(values, 0.99))},
          {"worst", rounded(quantile(values, 1))}};
}

}  // namespace tasklane::bench
