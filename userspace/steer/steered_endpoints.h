// Where connections are steered: the map that the steering program reads, held against the sockets that
// listen. What takes privilege behind the start (bpf(), fchown()) is here alone.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/steer/listening_sockets.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

// What is known of those who listen on the steered ports.
struct EndpointView {
  Listeners listeners;         // what is steered
  DeviceListeners on_devices;  // what is not, for it is bound to an interface

  bool operator==(const EndpointView&) const = default;
  // The user whose model takes connections to this address; null: none does.
  [[nodiscard]] const uid_t* owner_of(const SocketAddress& destination) const;
};

class SteeredEndpoints {
 public:
  // `map`: of the steering program, keyed by tasklane_endpoint. `steers`: the families that have a listener.
  struct Steers {
    bool ipv4 = false;
    bool ipv6 = false;
  };
  // Looks nowhere until it is told where.
  SteeredEndpoints(std::vector<std::uint16_t> ports, UniqueFd map)
      : ports_(std::move(ports)), map_(std::move(map)) {}
  void look_into(ListeningSockets listening) { listening_ = std::move(listening); }
  // Nothing is steered any more, and looked at.
  void leave();
  void steer(Steers families) { steers_ = families; }

  // Looks again who listens, and tells the program. Whether anything has changed since it was last asked.
  Result<bool> refresh();
  [[nodiscard]] const EndpointView& view() const { return view_; }

  // Gives a connection's socket to the user whose model it was meant for (Steering::give_to_model()). What is
  // no connection to a steered endpoint is left as it is.
  void give_to_model(int accepted) const;

  // The descriptors that it works with, for whoever closes all others.
  [[nodiscard]] std::vector<int> descriptors() const;

 private:
  Result<void> set(const SocketAddress& endpoint, bool present) const;

  std::vector<std::uint16_t> ports_;
  Steers steers_;
  std::optional<ListeningSockets> listening_;
  UniqueFd map_;
  EndpointView view_;
  bool left_ = false;
};

}  // namespace tasklane
