// One request on its way: to the first upstream of its route that serves, and the answer back to the client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/decide/decide.h"
#include "userspace/serve/reading.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/request.h"
#include "userspace/serve/services.h"
#include "userspace/serve/target.h"
#include "userspace/wire/answer_relay.h"
#include "userspace/wire/upload.h"

namespace tasklane {

// What a decision asks of the bytes that go to one upstream.
struct Outgoing {
  std::optional<std::string> changed;  // none: the very bytes that came
  bool model_replaced = false;

  [[nodiscard]] std::string_view bytes(const Request& request) const {
    return changed ? std::string_view(*changed) : std::string_view(request.raw);
  }
};

// The request as each upstream of the decision's route shall get it; its body is read once. A request that
// nothing changes stays byte for byte. Takes long only for a large body that is changed: see Reading::work().
std::vector<Outgoing> outgoing_for(const Request& request, const Decision& decision, const Reading& reading);
Awaitable<std::vector<Outgoing>> outgoing_beside(const Request& request, const Decision& decision,
                                                 Reading& reading);

class Exchange {
 public:
  Exchange(RelayContext& context, TcpSocket& client, const std::shared_ptr<ClientInput>& input,
           const Target& origin, Request& request, const Decision& decision, RequestClass request_class,
           std::string client_model);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  struct Report {
    AnswerReport answer;
    std::string upstream;    // that served, or was tried last
    UpstreamPtr connection;  // set after an upgrade: the tunnel goes on with it
    Result<void> dialled;    // why the last upstream could not be reached
    bool near = false;       // it is on this machine, or on a private network
    bool gave_way = false;   // see give_way(): it may be sent again
    bool ambiguous = false;  // its body, as it streamed, could be read in two ways
  };
  void keep_copy() { keep_copy_ = true; }
  // `outgoing` per upstream of the decision's route.
  Awaitable<Report> run(std::vector<Outgoing> outgoing);

  // Ends the request upstream, unseen by the client. False: too late, a byte has been passed on.
  bool give_way();

 private:
  Awaitable<bool> attempt(std::size_t index, const Outgoing& outgoing);
  void begin_to_dial();
  void begin_to_talk(const Outgoing& outgoing, bool last);
  std::shared_ptr<bool> limit_silence(std::optional<Timer>& patience);
  void end_talk();
  [[nodiscard]] AnswerWishes wishes_for(const Outgoing& outgoing, bool last) const;
  void keep_connection();
  void judge(Health::Attempt& attempt, const Upstream& upstream) const;
  [[nodiscard]] bool is_passed_over(std::size_t index) const;
  void client_closed();
  [[nodiscard]] bool client_has_left() const;
  void leave_dial();
  [[nodiscard]] bool may_repeat() const;
  [[nodiscard]] bool may_reuse() const;

  RelayContext& context_;
  TcpSocket& client_;
  std::shared_ptr<ClientInput> input_;
  const Target& origin_;
  Request& request_;
  const Decision& decision_;
  RequestClass class_;
  std::string client_model_;
  std::shared_ptr<Dialling> dialling_;  // while one is under way
  UpstreamPtr upstream_;
  std::shared_ptr<Upload> upload_;  // to `upstream_`
  std::optional<AnswerRelay> relay_;
  bool may_ask_again_ = false;  // the server cannot have read the request whole, or it changes nothing
  bool gave_way_ = false;
  bool keep_copy_ = false;
  Report report_;
};

}  // namespace tasklane
