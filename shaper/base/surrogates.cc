#include "shaper/base/surrogates.h"

#include <algorithm>
#include <charconv>
#include <cstddef>

namespace tasklane {
namespace {

constexpr std::size_t escape_size = 6;  // \uXXXX

enum class Unit { none, high, low };

// Which half of a surrogate pair the escape at the text's start writes.
Unit unit_at(std::string_view text) {
  if (text.size() < escape_size || !text.starts_with("\\u")) return Unit::none;
  unsigned value = 0;
  const char* end = text.data() + escape_size;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, value, 16);
  if (error != std::errc() || stop != end) return Unit::none;
  if (value >= 0xd800 && value <= 0xdbff) return Unit::high;
  return value >= 0xdc00 && value <= 0xdfff ? Unit::low : Unit::none;
}

}  // namespace

std::string mend_surrogates(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::size_t plain = std::min(json.find('\\'), json.size());
    out += json.substr(0, plain);
    json.remove_prefix(plain);
    const Unit unit = unit_at(json);
    const bool whole = unit == Unit::high && unit_at(json.substr(escape_size)) == Unit::low;
    std::size_t taken = whole ? 2 * escape_size : escape_size;
    if (unit == Unit::none) taken = std::min<std::size_t>(2, json.size());
    if (unit == Unit::none || whole)
      out += json.substr(0, taken);
    else
      out += "\\ufffd";
    json.remove_prefix(taken);
  }
  return out;
}

}  // namespace tasklane
