#include "shaper/base/request_class.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr std::array<std::string_view, all_lanes.size()> lane_names{"interactive", "blocking", "background",
                                                                    "keystroke"};

template <class Enum, std::size_t N>
std::optional<Enum> find(const std::array<Enum, N>& all, std::string_view text) {
  const auto found = std::find_if(all.begin(), all.end(), [&](Enum value) { return to_text(value) == text; });
  if (found == all.end()) return std::nullopt;
  return *found;
}

}  // namespace

std::string_view to_text(RequestClass request_class) { return class_row(request_class).name; }

std::string_view to_text(Lane lane) { return lane_names.at(static_cast<std::size_t>(lane)); }

std::optional<RequestClass> request_class_from(std::string_view text) {
  return find(all_request_classes, text);
}
std::optional<Lane> lane_from(std::string_view text) { return find(all_lanes, text); }

Lane default_lane(RequestClass request_class) { return class_row(request_class).lane; }

bool is_task(RequestClass request_class) { return default_lane(request_class) != Lane::interactive; }

}  // namespace tasklane
