// Takes new connections, eagerly, from the steered listeners and from ordinary ones, and keeps the living
// ones in sight.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <vector>

#include "userspace/serve/connection.h"

namespace tasklane {

class Acceptor {
 public:
  explicit Acceptor(RelayContext& context) : context_(context) {}

  // Adopts a listening, non-blocking socket. Steered: an accepted socket's own address is where the client
  // wanted to go, in that place (Stead); else `to_host`:`to_port` of an ordinary listener.
  void add_steered(int listening_socket, std::uint64_t place = 0);
  // Nobody is steered there any more: as finish(), for the steered alone.
  void finish_steered();
  // The port it listens on: `listen.port`, or one that the kernel chose where that is 0.
  Result<std::uint16_t> add_listener(const Listen& listen);
  // Takes in what already waits at the listeners and closes them; connections end behind the answer that is
  // on its way.
  void finish();
  // Ends every connection now.
  void hang_up();
  // Ends those whose request waits in a lane or is asked for from one: nobody reads along.
  void hang_up_tasks();

  // Once a second: ends connections that waited too long.
  void sweep(Time at);

  // What the descriptors allow, beside limits.max_connections.
  void allow_at_most(std::uint32_t connections) { ceiling_ = connections; }
  // How many more connections have room, and behind the last one none: then new ones shall pass the agent.
  [[nodiscard]] std::uint64_t room() const;
  [[nodiscard]] bool crowded() const { return room() == 0; }
  // How many of these may still be steered: what waits to be accepted has its place already, and a full
  // accept queue would drop the next.
  [[nodiscard]] std::uint64_t room_to_steer() const;
  // Whether every listener waits for its next connection, or has just taken one.
  [[nodiscard]] bool armed() const;
  // Called when a connection was taken, or could not be.
  void when_changed(std::function<void()> action) { when_changed_ = std::move(action); }

 private:
  struct Door {
    TcpAcceptor acceptor;
    Target origin;
    Time failed = {};  // when a connection could not be taken; none since: nothing
    bool waits = false;
  };
  void open(TcpAcceptor acceptor, Target origin);
  void close(Door& door);
  Awaitable<void> accept_all(std::shared_ptr<Door> door);
  void admit(TcpSocket socket, Target origin);
  [[nodiscard]] bool tell_origin(TcpSocket& socket, Target& origin) const;

  RelayContext& context_;
  std::vector<std::shared_ptr<Door>> doors_;
  template <class F>
  void each_connection(const F& action);

  std::list<std::weak_ptr<Connection>> connections_;
  std::uint32_t ceiling_ = std::numeric_limits<std::uint32_t>::max();
  std::function<void()> when_changed_;
};

}  // namespace tasklane
