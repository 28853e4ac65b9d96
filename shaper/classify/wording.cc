#include "shaper/classify/wording.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <string>

#include "shaper/base/trimmed.h"
#include "shaper/classify/match.h"
#include "shaper/classify/pack.h"

namespace tasklane {
namespace {

constexpr std::string_view date_form = "0000-00-00";

bool is_date(std::string_view text) {
  const auto fits = [](char c, char form) { return form == '-' ? c == '-' : c >= '0' && c <= '9'; };
  return text.size() >= date_form.size() && std::equal(date_form.begin(), date_form.end(), text.begin(),
                                                       [&](char form, char c) { return fits(c, form); });
}

}  // namespace

std::uint64_t wording_of(std::string_view instructions) {
  instructions = trimmed(instructions);
  if (instructions.starts_with('/'))
    instructions = trimmed(instructions.substr(std::min(instructions.find('\n'), instructions.find(' '))));
  std::string words;
  while (!instructions.empty()) {
    const std::size_t taken = is_date(instructions) ? date_form.size() : 1;
    if (taken == 1) words.push_back(instructions.front());
    instructions.remove_prefix(taken);
  }
  return XXH3_64bits(words.data(), words.size());
}

std::optional<std::uint64_t> wording_from(std::string_view digits) {
  std::uint64_t print = 0;
  const char* const end = digits.data() + digits.size();
  const auto [read_to, error] = std::from_chars(digits.data(), end, print, 16);
  if (digits.size() != 16 || error != std::errc() || read_to != end) return std::nullopt;
  return print;
}

std::string to_digits(std::uint64_t wording) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(wording));
  return digits.data();
}

bool worded_as_shipped(const PackEntry& entry, const Prompt& prompt) {
  if (entry.shipped_by_its_marks) return true;
  const auto& prints = entry.shipped;
  return !prints.empty() &&
         std::find(prints.begin(), prints.end(), wording_of(prompt.instructions)) != prints.end();
}

}  // namespace tasklane
