#include "userspace/serve/reading.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace tasklane {

std::string_view Reading::coding() const {
  const std::string* field = request_.head().field("Content-Encoding");
  return field == nullptr ? std::string_view() : std::string_view(*field);
}

bool Reading::read_at_once() {
  if (!request_.whole || request_.body().empty() || context_.bypass) return true;
  const std::size_t size = request_.body().size();
  if (coding().empty() && size <= largest_at_once) {
    body_ = &context_.body_reader.read(request_.body(), request_.endpoint.dialect);
    return true;
  }
  if (context_.side.has_room(bytes_beside())) return false;
  request_.past_limit = true;
  return true;
}

Awaitable<void> Reading::read_beside() {
  own_ = std::make_unique<BodyReader>();
  const BodyFacts* facts = nullptr;
  const Dialect dialect = request_.endpoint.dialect;
  const std::string_view how = coding();
  const auto read_it = [&] { facts = &own_->read(request_.body(), dialect, how); };
  co_await context_.side.run(bytes_beside(), read_it);
  if (!context_.bypass) body_ = facts;
}

// What a packed body may take once it is unpacked.
std::uint64_t Reading::bytes_beside() const {
  return std::max(request_.body().size(), coding().empty() ? 0 : BodyReader::most_unpacked);
}

}  // namespace tasklane
