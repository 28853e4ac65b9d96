#include "shaper/count/statistics.h"

namespace tasklane {
namespace {

nlohmann::json milliseconds(const Histogram& histogram) {
  const auto ms = [](Duration d) { return seconds_of(d) * 1e3; };
  return {{"count", histogram.count()},
          {"p50", ms(histogram.quantile(0.5))},
          {"p95", ms(histogram.quantile(0.95))},
          {"p99", ms(histogram.quantile(0.99))},
          {"max", ms(histogram.maximum())}};
}

nlohmann::json row_json(RequestClass request_class, const std::string& upstream, const Row& row) {
  return {{"class", to_text(request_class)},
          {"upstream", upstream},
          {"requests", row.requests},
          {"in_flight", row.in_flight},
          {"redirected", row.redirected},
          {"failed_over", row.failed_over},
          {"answered", row.answered},
          {"client_gone", row.client_gone},
          {"failed", row.failed},
          {"bytes_up", row.bytes_up},
          {"bytes_down", row.bytes_down},
          {"ttft_ms", milliseconds(row.ttft)},
          {"total_ms", milliseconds(row.total)}};
}

}  // namespace

nlohmann::json Statistics::to_json() const {
  nlohmann::json classes = nlohmann::json::array();
  for (const auto& [key, row] : rows_) classes.push_back(row_json(key.first, key.second, row));
  nlohmann::json evidence = nlohmann::json::object();
  for (const auto& [kind, count] : evidence_) evidence[std::string(to_text(kind))] = count;
  return {{"classes", classes},
          {"evidence", evidence},
          {"percentile_error", Histogram::relative_error},
          {"relay",
           {{"connections", relay_.connections},
            {"open_connections", relay_.open_connections},
            {"tunnels", relay_.tunnels},
            {"refused_requests", relay_.refused_requests},
            {"over_limit", relay_.over_limit},
            {"unclassified_large", relay_.unclassified_large},
            {"upstream_reconnects", relay_.upstream_reconnects},
            {"constraint_refused", relay_.constraint_refused},
            {"gave_way", relay_.gave_way},
            {"json_answers", relay_.json_answers},
            {"json_unreadable", relay_.json_unreadable},
            {"task_shaped_unrecognised", relay_.task_shaped_unrecognised}}}};
}

}  // namespace tasklane
