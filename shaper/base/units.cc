#include "shaper/base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>

namespace tasklane {
namespace {

using NamedUnit = std::pair<std::string_view, double>;

struct Quantity {
  double number;
  std::string_view unit;
};

Result<Quantity> split(std::string_view text, std::string_view example) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || number < 0)
    return Error{"'" + std::string(text) + "' does not start with a number", "",
                 "write it like " + std::string(example)};
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  return Quantity{number, unit};
}

template <std::size_t N>
Result<double> scale(std::string_view text, const std::array<NamedUnit, N>& units, std::string_view example) {
  const Result<Quantity> quantity = split(text, example);
  if (!quantity) return quantity.error();
  for (const auto& [name, factor] : units)
    if (quantity->unit == name) return quantity->number * factor;
  return Error{
      "'" + std::string(text) + "' has " +
          (quantity->unit.empty() ? "no unit" : "the unknown unit '" + std::string(quantity->unit) + "'"),
      "", "write it like " + std::string(example)};
}

std::string with_unit(double number, const char* unit) {
  std::array<char, 64> out{};
  std::snprintf(out.data(), out.size(), number < 1e4 ? "%.4g%s" : "%.0f%s", number, unit);
  return out.data();
}

}  // namespace

Result<ByteSize> parse_byte_size(std::string_view text) {
  static constexpr std::array<NamedUnit, 9> units{{{"", 1.0},
                                                   {"B", 1.0},
                                                   {"kB", 1e3},
                                                   {"KiB", 1024.0},
                                                   {"MB", 1e6},
                                                   {"MiB", 1024.0 * 1024},
                                                   {"GB", 1e9},
                                                   {"GiB", 1024.0 * 1024 * 1024},
                                                   {"K", 1024.0}}};
  const Result<double> bytes = scale(text, units, "\"64MiB\"");
  if (!bytes) return bytes.error();
  if (*bytes >= 9.2e18)
    return Error{"'" + std::string(text) + "' is too large", "", "write it like \"64MiB\""};
  return ByteSize{static_cast<std::uint64_t>(*bytes)};
}

Result<Duration> parse_duration(std::string_view text) {
  static constexpr std::array<NamedUnit, 6> units{
      {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1.0}, {"m", 60.0}, {"h", 3600.0}}};
  const Result<double> seconds = scale(text, units, "\"400ms\" or \"1.5s\"");
  if (!seconds) return seconds.error();
  if (*seconds > 9e9) return Error{"'" + std::string(text) + "' is too long", "", "write it like \"30s\""};
  return from_seconds(*seconds);
}

Result<Rate> parse_rate(std::string_view text) {
  static constexpr std::array<NamedUnit, 3> units{{{"/s", 1.0}, {"/m", 1.0 / 60}, {"/h", 1.0 / 3600}}};
  const Result<double> rate = scale(text, units, "\"2/s\" or \"30/m\"");
  if (!rate) return rate.error();
  return Rate{*rate};
}

Result<double> parse_percent(std::string_view text) {
  static constexpr std::array<NamedUnit, 1> units{{{"%", 0.01}}};
  return scale(text, units, "\"5%\"");
}

std::string to_text(ByteSize size) {
  static constexpr std::array<NamedUnit, 3> units{
      {{"GiB", 1024.0 * 1024 * 1024}, {"MiB", 1024.0 * 1024}, {"KiB", 1024.0}}};
  const auto bytes = static_cast<double>(size.bytes);
  for (const auto& [name, factor] : units)
    if (bytes >= factor) return with_unit(bytes / factor, name.data());
  return with_unit(bytes, "B");
}

std::string to_text(Duration duration) {
  const double seconds = seconds_of(duration);
  if (seconds >= 1) return with_unit(seconds, "s");
  if (seconds >= 1e-3) return with_unit(seconds * 1e3, "ms");
  return with_unit(seconds * 1e6, "us");
}

}  // namespace tasklane
