// The lanes in virtual time: admission, what is known of each server, and the chats that are kept, as the
// agent has them, beside simulated servers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "shaper/server/book.h"
#include "shaper/task/desk.h"
#include "shaper/task/life.h"
#include "shaper/task/rewarming.h"
#include "tools/simulate/own_request.h"
#include "tools/simulate/world.h"

namespace tasklane::simulate {

class Lanes : public World::Part {
 public:
  // Their owner adds them to the world, behind the servers.
  explicit Lanes(World& world);

  // `server` outlives it. Without `slots` as many as are seen of it.
  void add_server(const std::string& name, Server& server, std::optional<unsigned> slots = {},
                  unsigned reserve = 0);
  [[nodiscard]] Server* server(const ServerKey& key) const;
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] Desk& desk() { return desk_; }
  [[nodiscard]] const Admission& admission() const { return desk_.admission(); }
  [[nodiscard]] const RelayCounters& counters() const { return statistics_.relay(); }
  [[nodiscard]] Life::Around around();

  void chat_came(Typist first_words, bool begins) { chats_.came(first_words, begins, world_.now()); }
  // A chat was answered whole; `kept` is what it was, with the answer that its next turn will quote.
  void chat_answered(const Ticket& ticket, KeptChat kept, const sim::Usage& usage, bool rewarm);

  [[nodiscard]] std::optional<Time> next() const override {
    return desk_.admission().next_wakeup(world_.now());
  }
  void advance(Time now) override { desk_.tick(now); }

 private:
  void rewarm(const Rewarm& wish);

  World& world_;
  std::map<std::string, Server*> servers_;
  Desk desk_;
  Book book_;
  AnswerCache answers_;
  KeptChats chats_;
  Statistics statistics_;
  Canonical canonical_{1, 2};
  Rewarming rewarming_{book_, desk_.admission()};
  bool bypass_ = false;
  std::map<RequestId, std::unique_ptr<OwnRequest>> own_;
};

}  // namespace tasklane::simulate
