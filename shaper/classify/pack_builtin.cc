#include <utility>

#include "shaper/classify/pack.h"

namespace tasklane {
namespace {

// Written by shaper/CMakeLists.txt from config/packs/*.json.
constexpr std::pair<std::string_view, std::string_view> builtin_packs[] = {
#include "builtin_packs.inc"
};

}  // namespace

std::optional<std::string_view> builtin_pack(std::string_view name) {
  for (const auto& [known, text] : builtin_packs)
    if (known == name) return text;
  return std::nullopt;
}

}  // namespace tasklane
