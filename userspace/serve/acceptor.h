// Takes new connections, eagerly, from the steered listeners and from ordinary ones, and keeps the living
// ones in sight.
#pragma once

#include <list>
#include <memory>
#include <vector>

#include "userspace/serve/connection.h"

namespace tasklane {

class Acceptor {
 public:
  explicit Acceptor(RelayContext& context) : context_(context) {}

  // Adopts a listening, non-blocking socket. Steered: an accepted socket's own address is where the client
  // wanted to go; else `to_host`:`to_port` of an ordinary listener.
  void add_steered(int listening_socket);
  // The port it listens on: `listen.port`, or one that the kernel chose where that is 0.
  Result<std::uint16_t> add_listener(const Listen& listen);
  // Takes in what already waits at the listeners and closes them; connections end behind the answer that is
  // on its way.
  void finish();
  // Ends every connection now.
  void hang_up();

  // Once a second: ends connections that waited too long. At the connection limit the agent lets new
  // connections pass.
  void sweep(Time at);
  [[nodiscard]] bool crowded() const;

 private:
  struct Door {
    TcpAcceptor acceptor;
    Target origin;
  };
  void open(TcpAcceptor acceptor, Target origin);
  Awaitable<void> accept_all(std::shared_ptr<Door> door);
  void admit(TcpSocket socket, Target origin);

  RelayContext& context_;
  std::vector<std::shared_ptr<Door>> doors_;
  template <class F>
  void each_connection(const F& action);

  std::list<std::weak_ptr<Connection>> connections_;
};

}  // namespace tasklane
