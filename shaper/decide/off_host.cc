#include <algorithm>

#include "shaper/decide/config.h"
#include "shaper/decide/config_address.h"
#include "shaper/decide/when.h"

namespace tasklane {

std::string OffHost::classes_text() const {
  if (classes.empty()) return "every class";
  std::string names;
  for (const RequestClass each : classes) names += (names.empty() ? "" : ", ") + std::string(to_text(each));
  return names;
}

std::string OffHost::text() const {
  return "upstream '" + upstream + "' gets text that leaves this host, to " + where + ": " + classes_text();
}

std::vector<OffHost> sent_off_host(const Config& config) {
  std::vector<OffHost> all;
  for (const auto& [name, upstream] : config.upstreams) {
    if (upstream.original || is_loopback(upstream.host)) continue;
    const bool tls = upstream.service && upstream.service->tls;
    OffHost one{name, (tls ? "https://" : "http://") + upstream.authority, {}};
    bool named = false;
    bool every = false;
    for (const Rule& rule : config.rules) {
      if (std::find(rule.then.route.begin(), rule.then.route.end(), name) == rule.then.route.end()) continue;
      named = true;
      every = every || rule.when->classes.empty();
      for (const RequestClass each : rule.when->classes)
        if (std::find(one.classes.begin(), one.classes.end(), each) == one.classes.end())
          one.classes.push_back(each);
    }
    if (every) one.classes.clear();
    if (named) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace tasklane
