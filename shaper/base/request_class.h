// The classes of requests and the lanes they travel in (design: "Telling tasks from chats", "Lanes").
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace tasklane {

enum class RequestClass {
  chat,
  title,
  tags,
  follow_up,
  emoji,
  autocomplete,
  query,
  image_prompt,
  tool_selection,
  moa,
  compaction,
  memory_review,
  task,  // a task whose kind is not known (recognised by its echo alone)
  embedding,
  admin,
  other,
};

inline constexpr std::array<RequestClass, 16> all_request_classes{
    RequestClass::chat,      RequestClass::title,        RequestClass::tags,
    RequestClass::follow_up, RequestClass::emoji,        RequestClass::autocomplete,
    RequestClass::query,     RequestClass::image_prompt, RequestClass::tool_selection,
    RequestClass::moa,       RequestClass::compaction,   RequestClass::memory_review,
    RequestClass::task,      RequestClass::embedding,    RequestClass::admin,
    RequestClass::other};

enum class Lane { interactive, blocking, background, keystroke };
inline constexpr std::array<Lane, 4> all_lanes{Lane::interactive, Lane::blocking, Lane::background,
                                               Lane::keystroke};

std::string_view to_text(RequestClass request_class);
std::string_view to_text(Lane lane);
std::optional<RequestClass> request_class_from(std::string_view text);
std::optional<Lane> lane_from(std::string_view text);

// The lane of a class where no rule names one.
Lane default_lane(RequestClass request_class);

// Whether the class is one of the front end's automations: what Tasklane may delay, redirect or answer.
bool is_task(RequestClass request_class);

}  // namespace tasklane
