// A request on its way to a server, beside the answer to it: a server may answer before it has read all. What
// is still to come from the client is sent on as the scanner accepts it, and never a byte more.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "shaper/http/message_scanner.h"
#include "userspace/wire/client_input.h"
#include "userspace/wire/spent.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

// From the event loop's thread alone. `bytes` must live until ended(); see finish().
class Upload : public std::enable_shared_from_this<Upload> {
 public:
  // What is read of a body behind `bytes`.
  struct Rest {
    std::shared_ptr<ClientInput> input;
    std::shared_ptr<RequestScanner> scanner;
  };
  Upload(UpstreamPtr upstream, std::string_view bytes, std::optional<Rest> rest = std::nullopt);

  // Sends what the kernel takes at once, and goes on by itself with what is left. `when_ended` is called
  // once, maybe within begin().
  void begin(std::function<void()> when_ended = nullptr);
  // Waits until it has ended: by itself while bytes flow, else it is stopped after `patience` without one.
  Awaitable<void> finish(Duration patience);

  [[nodiscard]] bool ended() const { return ended_; }
  // The proof that all of it went out.
  [[nodiscard]] std::optional<SentWhole> sent() const { return sent_; }
  // Not a byte of it went out: what the server says is no answer to it.
  [[nodiscard]] bool nothing_sent() const { return ended_ && nothing_sent_; }
  // Its body could be read in two ways: the upstream was given up, the scanner says why.
  [[nodiscard]] bool ambiguous() const { return ambiguous_; }
  // The server cannot have read it whole: asking again does nothing twice. `reset`: that is how its
  // connection ended. To be asked before the connection is closed here.
  [[nodiscard]] bool cannot_have_been_read(bool reset);

 private:
  bool send_at_once();
  Awaitable<void> run();
  Awaitable<void> pass_rest();
  void end();

  UpstreamPtr upstream_;
  std::string_view left_;
  std::optional<Rest> rest_;
  std::optional<Timer> signal_;  // for whoever waits in finish()
  std::function<void()> when_ended_;
  std::optional<SentWhole> sent_;
  std::uint64_t passed_ = 0;  // bytes of the rest
  bool stopped_ = false;
  bool ambiguous_ = false;
  bool nothing_sent_ = true;
  bool ended_ = false;
};

}  // namespace tasklane
