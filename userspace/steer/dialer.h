// Sockets for the agent's own connections to a model. The steering program sees those too, and must let them
// through or they would come back to the agent: it passes connections that leave from a marked port of a
// loopback address, or of the very address that they go to.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/steer/socket_address.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

class OwnPorts;

// Makes sockets in another network namespace than the caller's.
class SocketMaker {
 public:
  virtual ~SocketMaker() = default;
  // For TCP, non-blocking, close-on-exec.
  virtual Result<UniqueFd> make_socket(IpFamily family) = 0;
};

// Keeps a port marked as the agent's own while it lives. Hold it until the connection stands (or failed);
// after that it serves nothing, and given up early it costs nothing. May outlive the steering.
class PortLease {
 public:
  PortLease() = default;  // of no port
  PortLease(std::shared_ptr<OwnPorts> ports, std::uint16_t port);
  PortLease(PortLease&&) noexcept = default;
  PortLease& operator=(PortLease&& other) noexcept;
  PortLease(const PortLease&) = delete;
  PortLease& operator=(const PortLease&) = delete;
  ~PortLease() { give_up(); }

  void give_up();

 private:
  std::shared_ptr<OwnPorts> ports_;
  std::uint16_t port_ = 0;
};

// A socket to connect: non-blocking, close-on-exec. The lease ends before the socket does.
struct OwnDial {
  UniqueFd socket;
  PortLease lease;
};

// Copies share one set of ports; usable from any thread.
class Dialer {
 public:
  Dialer() = default;  // nothing is steered: plain sockets
  Dialer(std::shared_ptr<OwnPorts> own_ports, std::vector<std::uint16_t> steered_ports);

  // From here on sockets that are known to be for steered destinations are made by `maker`, which must live
  // as long as this and its copies: what is steered is in another network namespace. One thread from then on.
  void make_local_sockets_by(SocketMaker& maker) { maker_ = &maker; }

  // A socket for a connection to `destination`: a marked one if the connection could be steered, else a plain
  // one.
  [[nodiscard]] Result<OwnDial> socket_for(const SocketAddress& destination) const;

  // A marked socket whatever the destination: for one that is known to be this host's, such as where a
  // steered client wanted to go. Spares the question to the kernel that socket_for() asks.
  [[nodiscard]] Result<OwnDial> local_socket(IpFamily family) const;

  // The same, leaving from `source`, an address of this host that is no loopback one and is dialled itself:
  // so a server that tells its own machine from others does not take a client from elsewhere for a local one.
  // `device`: through this interface alone; empty: any.
  [[nodiscard]] Result<OwnDial> socket_from(const IpAddress& source, const std::string& device) const;

  // Whether a connection there could be steered: a steered port of an address of this host.
  [[nodiscard]] Result<bool> could_be_steered(const SocketAddress& destination) const;

 private:
  [[nodiscard]] Result<OwnDial> leaving_loopback(Result<UniqueFd> socket, IpFamily family) const;
  [[nodiscard]] Result<UniqueFd> socket_there(IpFamily family) const;
  [[nodiscard]] Result<std::uint16_t> bind_to_loopback(int socket, IpFamily family) const;

  std::shared_ptr<OwnPorts> own_ports_;
  std::vector<std::uint16_t> steered_ports_;
  SocketMaker* maker_ = nullptr;
};

// Makes a later close() of a TCP socket end it by a reset, without TIME_WAIT; for a connection whose last
// answer has come whole. Else each one keeps its port for a minute, and past some 14,000 of those the kernel
// takes milliseconds to find the next port (measured on Linux 6.18: 3 us a bind() with resets, 5 ms without).
void close_without_time_wait(int socket);

// The index of the interface by which an accepted connection's first packet came; 0: the kernel does not
// tell.
unsigned incoming_device(int accepted, IpFamily family);

// Whether the kernel delivers to this address on this host, in the namespace of the calling thread.
Result<bool> is_address_of_this_host(const IpAddress& address);

// The set of ports in the memory that the steering program reads. Counts leases, for one port can be held
// once on 127.0.0.1 and once on ::1.
class OwnPorts {
 public:
  explicit OwnPorts(std::span<unsigned long long> words);
  ~OwnPorts();
  OwnPorts(const OwnPorts&) = delete;
  OwnPorts& operator=(const OwnPorts&) = delete;

  void mark(std::uint16_t port);
  void unmark(std::uint16_t port);
  // The memory goes away; leases that still live have nothing left to clear.
  void detach();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tasklane
