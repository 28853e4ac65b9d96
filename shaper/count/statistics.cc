#include "shaper/count/statistics.h"

#include "shaper/count/figure_json.h"

namespace tasklane {

nlohmann::json json_of(const Histogram& histogram) {
  const auto ms = [](Duration d) { return seconds_of(d) * 1e3; };
  return {{"count", histogram.count()},
          {"p50", ms(histogram.quantile(0.5))},
          {"p95", ms(histogram.quantile(0.95))},
          {"p99", ms(histogram.quantile(0.99))},
          {"max", ms(histogram.maximum())}};
}

nlohmann::json Statistics::to_json() const {
  nlohmann::json classes = nlohmann::json::array();
  for (const auto& [key, row] : rows_) {
    nlohmann::json json = figures_json(row_figures, row);
    json["class"] = to_text(key.first);
    json["upstream"] = key.second;
    classes.push_back(std::move(json));
  }
  nlohmann::json evidence = nlohmann::json::object();
  for (const auto& [kind, count] : evidence_) evidence[std::string(to_text(kind))] = count;
  nlohmann::json certainty = nlohmann::json::object();
  for (const auto& [kind, count] : certainty_) certainty[std::string(to_text(kind))] = count;
  return {{"classes", classes},
          {"evidence", evidence},
          {"certainty", certainty},
          {"percentile_error", Histogram::relative_error},
          {"relay", figures_json(relay_figures, relay_)}};
}

}  // namespace tasklane
