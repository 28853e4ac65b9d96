// A request that looks like a task and that no pack knows, by its shape: what `tasklane learn` proposes an
// entry from. No word of the prompt is in it unless its text is asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/classify/classification.h"
#include "shaper/classify/pack.h"
#include "shaper/dialect/body.h"

namespace tasklane {

struct TaskSample {
  RequestClass request_class = RequestClass::task;
  std::string asks;                 // the JSON key that it asks for; may be empty
  std::vector<std::size_t> frames;  // of task_frames(): those that it shows
  std::uint64_t start = 0;          // keyed hash of its first bytes: of one tenant's template they are alike
  std::string text;                 // empty unless asked for
};

// Frames that front ends put around a conversation, as {where, text} of a mark: they say nothing of what a
// person wrote.
const std::vector<std::pair<std::string_view, std::string_view>>& task_frames();

struct SampleWish {
  bool text = false;
  std::uint64_t seed = 0;                  // of `start`
  std::optional<RequestClass> label = {};  // what it is known to be
};

// None where it is no task-shaped request, a pack or a header knows it, or nothing shows which task it is.
std::optional<TaskSample> sample_of(const Classification& classification, const BodyFacts& body,
                                    const std::vector<std::shared_ptr<const Pack>>& packs,
                                    const SampleWish& wish);

nlohmann::json to_json(const TaskSample& sample);
// Error: not what to_json() writes.
Result<TaskSample> sample_from(const nlohmann::json& json);

}  // namespace tasklane
