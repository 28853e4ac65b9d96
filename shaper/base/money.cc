#include "shaper/base/money.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr std::int64_t picos_of_one = 1'000'000'000'000;
constexpr std::int64_t most_units = 1'000'000;
constexpr std::size_t most_places = 12;
constexpr std::int64_t million = 1'000'000;

Error no_money(std::string_view text) {
  return {"'" + std::string(text) + "' is no amount", "", "write it like \"0.10\": from 0 to 1000000"};
}

// A token's price may lose less than a millionth of a millionth.
Money cost(std::uint64_t tokens, Money of_a_million) {
  const std::int64_t of_one = of_a_million.picos / million;
  if (of_one == 0) return {};
  const auto most = static_cast<std::uint64_t>(most_units * picos_of_one / of_one);
  return {static_cast<std::int64_t>(std::min(tokens, most)) * of_one};
}

}  // namespace

Result<Money> parse_money(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view places = text.substr(std::min(point + 1, text.size()));
  const auto digits = [](std::string_view part) {
    return std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.size() + places.size() == 0 || whole.size() > 7 || places.size() > most_places ||
      !digits(whole) || !digits(places))
    return no_money(text);
  std::int64_t units = 0;  // of at most seven digits
  for (const char c : whole) units = units * 10 + (c - '0');
  if (units > most_units) return no_money(text);
  std::int64_t picos = units * picos_of_one;
  std::int64_t place = picos_of_one;
  for (const char c : places) picos += (c - '0') * (place /= 10);
  if (picos > most_units * picos_of_one) return no_money(text);
  return Money{picos};
}

std::string to_text(Money money) {
  std::string places = std::to_string(picos_of_one + money.picos % picos_of_one).substr(1);
  places.erase(places.find_last_not_of('0') + 1);
  return std::to_string(money.picos / picos_of_one) + (places.empty() ? "" : "." + places);
}

Money Price::of(std::uint64_t prompt_tokens, std::uint64_t generated_tokens) const {
  Money sum = cost(prompt_tokens, input);
  sum += cost(generated_tokens, output);
  return sum;
}

}  // namespace tasklane
