#include "shaper/base/request_class.h"

namespace tasklane {
namespace {

template <class Enum, std::size_t N>
std::optional<Enum> find(const std::array<Enum, N>& all, std::string_view text) {
  for (const Enum value : all)
    if (to_text(value) == text) return value;
  return std::nullopt;
}

}  // namespace

std::string_view to_text(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::chat:
      return "chat";
    case RequestClass::title:
      return "title";
    case RequestClass::tags:
      return "tags";
    case RequestClass::follow_up:
      return "follow_up";
    case RequestClass::emoji:
      return "emoji";
    case RequestClass::autocomplete:
      return "autocomplete";
    case RequestClass::query:
      return "query";
    case RequestClass::image_prompt:
      return "image_prompt";
    case RequestClass::tool_selection:
      return "tool_selection";
    case RequestClass::moa:
      return "moa";
    case RequestClass::compaction:
      return "compaction";
    case RequestClass::memory_review:
      return "memory_review";
    case RequestClass::task:
      return "task";
    case RequestClass::embedding:
      return "embedding";
    case RequestClass::admin:
      return "admin";
    case RequestClass::other:
      return "other";
  }
  return "other";
}

std::string_view to_text(Lane lane) {
  switch (lane) {
    case Lane::interactive:
      return "interactive";
    case Lane::blocking:
      return "blocking";
    case Lane::background:
      return "background";
    case Lane::keystroke:
      return "keystroke";
  }
  return "interactive";
}

std::optional<RequestClass> request_class_from(std::string_view text) {
  return find(all_request_classes, text);
}
std::optional<Lane> lane_from(std::string_view text) { return find(all_lanes, text); }

Lane default_lane(RequestClass request_class) {
  switch (request_class) {
    case RequestClass::query:
    case RequestClass::image_prompt:
    case RequestClass::tool_selection:
      return Lane::blocking;
    case RequestClass::title:
    case RequestClass::tags:
    case RequestClass::follow_up:
    case RequestClass::emoji:
    case RequestClass::memory_review:
    case RequestClass::task:
      return Lane::background;
    case RequestClass::autocomplete:
      return Lane::keystroke;
    default:
      return Lane::interactive;
  }
}

bool is_task(RequestClass request_class) { return default_lane(request_class) != Lane::interactive; }

}  // namespace tasklane
