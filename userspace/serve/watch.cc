#include "userspace/serve/watch.h"

#include <algorithm>
#include <utility>

namespace tasklane {
namespace {

constexpr Duration between_looks = std::chrono::seconds(1);

}  // namespace

// Shared, for the timer's handler may already be queued when the answer is there.
struct Watch::State {
  Timer timer;
  UpstreamPtr connection;  // null: it is over
  Patience patience;
  std::shared_ptr<Heard> heard;
  std::function<bool()> left_alone;
  Time begun = now();

  [[nodiscard]] Time due() const {
    Time due = Time::max();
    if (patience.silence) due = heard->last.value_or(begun) + *patience.silence;
    if (patience.whole) due = std::min(due, begun + *patience.whole);
    return due;
  }
};

Watch::Watch(asio::io_context& io, UpstreamPtr connection, Patience patience, std::shared_ptr<Heard> heard,
             std::function<bool()> left_alone)
    : state_(std::make_shared<State>(State{Timer(io.get_executor()), std::move(connection), patience,
                                           std::move(heard), std::move(left_alone)})) {
  look(state_);
}

Watch::~Watch() {
  state_->connection.reset();
  state_->timer.cancel();
}

void Watch::look(const std::shared_ptr<State>& state) {
  const Time at = now();
  const bool in_vain = !state->heard->last && state->left_alone();
  if (in_vain || at >= state->due()) return state->connection->abort();
  state->timer.expires_after(std::min(state->due() - at, between_looks));
  state->timer.async_wait([state](const error_code& cancelled) {
    if (!cancelled && state->connection) look(state);
  });
}

}  // namespace tasklane
