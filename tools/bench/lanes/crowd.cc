#include "tools/bench/lanes/crowd.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>

#include "tools/bench/lanes/requests.h"

namespace tasklane::bench {
namespace {

// So many connect in one go; then others get their turn.
constexpr std::size_t swarm = 50;
constexpr Duration between_swarms = std::chrono::milliseconds(10);

}  // namespace

Crowd::Crowd(asio::io_context& io, std::uint16_t port, std::size_t size, std::size_t first_number)
    : io_(io), port_(port), first_number_(first_number) {
  for (std::size_t i = 0; i < size; ++i) state_->members.push_back(std::make_unique<Member>(io));
}

Awaitable<void> Crowd::arrive() {
  Timer timer(io_.get_executor());
  for (std::size_t i = 0; i < state_->members.size(); ++i) {
    asio::co_spawn(io_, live(state_, i, first_number_ + i, port_), asio::detached);
    if (i % swarm + 1 < swarm) continue;
    timer.expires_after(between_swarms);
    error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_await, ignored));
  }
}

Awaitable<void> Crowd::live(std::shared_ptr<State> state, std::size_t index, std::size_t number,
                            std::uint16_t port) {
  Member& member = *state->members[index];
  const bool connected = co_await member.client.connect(port);
  const std::string request = task_request(number);
  CrowdTally& tally = state->tally;
  if (connected) ++tally.asked;
  tally.request_bytes += request.size();
  const Reply reply = co_await member.client.ask(request);
  if (member.left) co_return;
  member.answered = true;
  const bool right = reply.status == 200 && answers_with(reply.body, key_of_task(number));
  ++(!reply.whole ? tally.lost : right ? tally.answered : tally.wrong);
  const bool more = co_await member.client.hears_more();
  if (more) ++tally.twice;
}

Awaitable<void> Crowd::leave(bool all) {
  bool stays = false;
  for (const auto& member : state_->members) {
    if (!all) {
      if (member->answered || member->left) continue;
      stays = !stays;
      if (stays) continue;
    }
    if (!member->answered && !member->left) {
      member->left = true;
      ++state_->tally.left;
    }
    member->client.leave();
  }
  co_return;
}

Awaitable<CrowdTally> Crowd::tally() const { co_return state_->tally; }

}  // namespace tasklane::bench
