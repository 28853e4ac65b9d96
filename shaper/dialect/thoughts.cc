#include "shaper/dialect/thoughts.h"

#include <array>

#include "shaper/base/find_last.h"
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
  const bool may_hold_a_tag =
      content.find('<') != std::string_view::npos || content.find("◁") != std::string_view::npos;
  if (!may_hold_a_tag) return content;
  const std::string_view begin = trimmed(content);
  for (const Tags& each : tags) {
    const std::size_t end = find_last(content, each.close);
    if (end != std::string_view::npos) return content.substr(end + each.close.size());
    if (begin.starts_with(each.open)) return {};
  }
  return content;
}

}  // namespace tasklane
