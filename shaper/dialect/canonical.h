// A request's canonical key: equal for requests of one tenant that a model would answer alike, however they
// are spelt (order of keys, spaces, escapes, streamed or not). For coalescing and the cache. Keyed, so that
// nothing of a text can be guessed from it; 128 bits, so that no answer goes to a question that is not its
// own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "shaper/base/identity.h"
#include "shaper/base/request_class.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane {

struct CanonicalKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const CanonicalKey&) const = default;
};

class Canonical {
 public:
  // The secret is drawn at start.
  Canonical(std::uint64_t secret_low, std::uint64_t secret_high);

  // `model`: the one that will be asked (after rules), instead of the body's. Left out are fields that do not
  // change the answer: stream, stream_options, keep_alive, chat_id, nulls and empty `options`. `user` counts:
  // a pipeline may answer each person differently. So does the dialect, unless the body, a JSON object, can
  // be said without one (neutral.h).
  [[nodiscard]] CanonicalKey key_of(Tenant tenant, RequestClass request_class, Dialect dialect,
                                    std::string_view model, const OrderedJson& body) const;

 private:
  static constexpr std::size_t secret_bytes = 192;
  std::array<unsigned char, secret_bytes> secret_{};
};

}  // namespace tasklane

template <>
struct std::hash<tasklane::CanonicalKey> {
  std::size_t operator()(const tasklane::CanonicalKey& key) const noexcept {
    return static_cast<std::size_t>(key.low);
  }
};
