// The least of a model server: it answers each request with the address from which its connection came. A
// client that reads its own address there is connected to the model directly, else through the agent.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "tests/support/namespace.h"
#include "tests/support/sockets.h"

namespace tasklane::test {

class HttpModel {
 public:
  HttpModel(const Namespace& where, const SocketAddress& on, DualStack dual_stack = DualStack::no);
  ~HttpModel();
  HttpModel(const HttpModel&) = delete;
  HttpModel& operator=(const HttpModel&) = delete;

 private:
  void serve();

  UniqueFd listener_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// How a request to `to` was answered: "directly", "through the agent", "refused", or "no answer".
std::string how_answered(const Namespace& where, const SocketAddress& to);
// The same on a connection that stands already.
std::string how_answered(Client& client);

}  // namespace tasklane::test
