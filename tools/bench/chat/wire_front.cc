#include "tools/bench/chat/wire_front.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <utility>

#include "tools/bench/chat/watch.h"
#include "tools/bench/chat/wire_text.h"
#include "tools/bench/lanes/client.h"

namespace tasklane::bench {

void RealTime::after(Duration delay, std::function<void()> action) {
  const auto timer = std::make_shared<Timer>(io_.get_executor(), delay);
  timer->async_wait([timer, action = std::move(action)](const error_code& cancelled) {
    if (!cancelled) action();
  });
}

void WireFront::ask(Asked asked, Done done) {
  ++asked_[std::string(to_text(asked.request_class))];
  std::string request = wire_request(asked, answers_[asked.chat]);
  asked.prompt.clear();
  asio::co_spawn(io_, talk(std::move(request), std::move(asked), std::move(done)), asio::detached);
}

Awaitable<void> WireFront::talk(std::string request, Asked asked, Done done) {
  Watch watch{now(), {}, {}};
  Client client(io_);
  const bool connected = co_await client.connect(port_);
  Reply reply;
  const OnPiece on_piece = [&watch](Time at) { watch.token(at); };
  if (connected) reply = co_await client.ask(std::move(request), on_piece);
  if (!reply.whole || reply.status != 200) ++failed_;
  watch.outcome.total = now() - watch.asked;
  if (asked.request_class == RequestClass::chat) {
    watch.outcome.text = streamed_text(reply.body);
    answers_[asked.chat].push_back(watch.outcome.text);
  } else {
    watch.outcome.text = task_text(reply.body);
  }
  done(watch.outcome);
}

}  // namespace tasklane::bench
