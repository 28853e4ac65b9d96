// Amounts of money as price lists have them ("0.15" for a million tokens), exact: in millionths of a
// millionth.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "shaper/base/result.h"

namespace tasklane {

// Of whatever currency the price list is in; no price and no sum here comes near the ends of its range.
struct Money {
  std::int64_t picos = 0;
  auto operator<=>(const Money&) const = default;
  Money& operator+=(Money other) {
    picos += other.picos;
    return *this;
  }
  friend Money operator-(Money a, Money b) { return {a.picos - b.picos}; }
};

// "0.10", "2", ".0375": up to twelve places behind the point, from 0 to a million. Errors: anything else.
Result<Money> parse_money(std::string_view text);
// "0.1", without zeros at the end; of a sum of less than a millionth, all its places.
std::string to_text(Money money);

// What tokens cost, by the million.
struct Price {
  Money input;
  Money output;

  [[nodiscard]] Money of(std::uint64_t prompt_tokens, std::uint64_t generated_tokens) const;
};

}  // namespace tasklane
