#include "shaper/decide/asked_after.h"

#include <algorithm>

namespace tasklane {
namespace {

bool is_somebody_elses(const Upstream& upstream) {
  return upstream.service &&
         ((upstream.service->tls && upstream.service->off_host) || upstream.service->price);
}

bool is_routed_to(const Config& config, const std::string& name) {
  return std::any_of(config.rules.begin(), config.rules.end(), [&](const Rule& rule) {
    return std::find(rule.then.route.begin(), rule.then.route.end(), name) != rule.then.route.end();
  });
}

}  // namespace

std::vector<const Upstream*> asked_after(const Config& config) {
  std::vector<const Upstream*> all;
  for (const auto& [name, upstream] : config.upstreams)
    if (!upstream.original && !is_somebody_elses(upstream) && is_routed_to(config, name))
      all.push_back(&upstream);
  return all;
}

std::vector<std::string> check_paths(const Upstream& upstream) {
  if (!upstream.service) return {"/api/version", "/props", "/v1/models"};
  const bool ollama = upstream.service->family == DialectFamily::ollama;
  return {upstream.service->path + (ollama ? "/api/version" : "/models")};
}

}  // namespace tasklane
