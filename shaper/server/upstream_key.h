// One name for each upstream, as the configuration has it: under it is kept what belongs to the upstream and
// not to the server behind it. Two upstreams may be one server with two keys, or two models.
#pragma once

#include <compare>
#include <string>

namespace tasklane {

struct UpstreamKey {
  std::string name;
  auto operator<=>(const UpstreamKey&) const = default;
};

}  // namespace tasklane
