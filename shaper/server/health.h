// Whether an upstream is worth asking: a circuit breaker for each. What failed several times in a row is
// passed over for a while; then one request tries it, and its answer decides. Pure; times are given. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "shaper/base/time.h"

namespace tasklane {

class Health {
 public:
  static constexpr unsigned failures_to_open = 3;
  static constexpr Duration first_pause = std::chrono::seconds(2);
  static constexpr Duration longest_pause = std::chrono::seconds(60);
  // As long as a server may ask for (RFC 9110 section 10.2.3); what it says beyond is not believed.
  static constexpr Duration longest_asked_for = std::chrono::hours(1);
  // A trial that has not been heard of for so long holds nobody up any more.
  static constexpr Duration trial_lasts = std::chrono::minutes(2);

  enum class State : std::uint8_t { closed, open, half_open };  // as breakers are called: closed serves

  [[nodiscard]] State state(Time now) const;
  // Whether a request may go there now; of those behind a pause one alone, see trying().
  [[nodiscard]] bool may_try(Time now) const;
  // Before a request goes there.
  void trying(Time now);
  // What came of it. `pause`: the server itself asks for it (Retry-After); then once is enough.
  void worked();
  void failed(Time now, std::optional<Duration> pause = std::nullopt);

  [[nodiscard]] unsigned failures() const { return failures_; }  // in a row
  [[nodiscard]] std::uint64_t openings() const { return openings_; }

 private:
  unsigned failures_ = 0;
  std::uint64_t openings_ = 0;
  Duration pause_ = first_pause;
  std::optional<Time> open_until_;
  std::optional<Time> trial_;  // since when one is under way
};

constexpr std::string_view to_text(Health::State state) {
  return state == Health::State::closed ? "up" : state == Health::State::open ? "down" : "on trial";
}

}  // namespace tasklane
