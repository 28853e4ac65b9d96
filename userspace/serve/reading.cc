#include "userspace/serve/reading.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace tasklane {

Awaitable<void> Reading::read() {
  if (!request_.whole || request_.body().empty() || context_.bypass) co_return;
  const std::string* field = request_.head().field("Content-Encoding");
  const std::string_view coding = field == nullptr ? std::string_view() : std::string_view(*field);
  const Dialect dialect = request_.endpoint.dialect;
  if (coding.empty() && request_.body().size() <= largest_at_once) {
    body_ = &context_.body_reader.read(request_.body(), dialect);
    co_return;
  }
  const std::size_t most = coding.empty() ? 0 : BodyReader::most_unpacked;
  const std::uint64_t bytes = std::max(request_.body().size(), most);
  if (!context_.side.has_room(bytes)) {
    request_.past_limit = true;
    co_return;
  }
  own_ = std::make_unique<BodyReader>();
  const BodyFacts* facts = nullptr;
  const auto read_it = [&] { facts = &own_->read(request_.body(), dialect, coding); };
  co_await context_.side.run(bytes, read_it);
  if (!context_.bypass) body_ = facts;
}

}  // namespace tasklane
