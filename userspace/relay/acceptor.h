// Takes new connections, eagerly, from the steered listeners and from ordinary ones, and keeps the living
// ones in sight.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "userspace/relay/connection.h"

namespace tasklane {

class Acceptor {
 public:
  explicit Acceptor(RelayContext& context) : context_(context) {}

  // Adopts a listening, non-blocking socket. Steered: an accepted socket's own address is where the client
  // wanted to go; else `to_host`:`to_port` of an ordinary listener.
  void add_steered(int listening_socket);
  Result<void> add_listener(const Listen& listen);
  void close();

  // Once a second: ends connections that waited too long. At the connection limit the agent lets new
  // connections pass.
  void sweep(Time at);
  [[nodiscard]] bool crowded() const;

 private:
  Awaitable<void> accept_all(std::shared_ptr<TcpAcceptor> acceptor, Origin origin);
  void admit(TcpSocket socket, Origin origin);

  RelayContext& context_;
  std::vector<std::shared_ptr<TcpAcceptor>> acceptors_;
  std::list<std::weak_ptr<Connection>> connections_;
};

}  // namespace tasklane
