#include "shaper/dialect/thoughts.h"

#include <array>

#include "shaper/base/trimmed.h"

namespace tasklane {
namespace {

struct Tags {
  std::string_view open;
  std::string_view close;
};

constexpr std::array<Tags, 8> tags{{{"<think>", "</think>"},
                                    {"<thinking>", "</thinking>"},
                                    {"<thought>", "</thought>"},
                                    {"<reasoning>", "</reasoning>"},
                                    {"<reason>", "</reason>"},
                                    {"<seed:think>", "</seed:think>"},
                                    {"<|begin_of_thought|>", "<|end_of_thought|>"},
                                    {"◁think▷", "◁/think▷"}}};

}  // namespace

// Some templates write the opening tag into the prompt: then the answer has the closing one alone.
std::string_view behind_thoughts(std::string_view content) {
  const std::string_view begin = trimmed(content);
  for (const Tags& each : tags) {
    const std::size_t end = content.rfind(each.close);
    if (end != std::string_view::npos) return content.substr(end + each.close.size());
    if (begin.starts_with(each.open)) return {};
  }
  return content;
}

}  // namespace tasklane
