#include "userspace/steer/steered_endpoints.h"

#include <bpf/bpf.h>
#include <netinet/in.h>

#include <cstring>

#include "bpf/abi.h"
#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

tasklane_endpoint to_abi(const SocketAddress& address) {
  tasklane_endpoint endpoint{};
  endpoint.family = address.address.family == IpFamily::ipv4 ? TASKLANE_IPV4 : TASKLANE_IPV6;
  endpoint.port = address.port;
  std::memcpy(endpoint.address, address.address.bytes.data(), sizeof(endpoint.address));
  return endpoint;
}

int option_of(int socket, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

bool is_tcp_connection(int socket) {
  const int domain = option_of(socket, SO_DOMAIN);
  return (domain == AF_INET || domain == AF_INET6) && option_of(socket, SO_PROTOCOL) == IPPROTO_TCP &&
         option_of(socket, SO_ACCEPTCONN) == 0;
}

}  // namespace

const uid_t* EndpointView::owner_of(const SocketAddress& destination) const {
  auto listener = listeners.find(destination);
  if (listener == listeners.end())
    listener = listeners.find({IpAddress::wildcard(destination.address.family), destination.port});
  return listener == listeners.end() ? nullptr : &listener->second;
}

Result<void> SteeredEndpoints::set(const SocketAddress& endpoint, bool present) const {
  const tasklane_endpoint key = to_abi(endpoint);
  const std::uint8_t value = 1;
  const int result = present ? bpf_map_update_elem(map_.get(), &key, &value, BPF_ANY)
                             : bpf_map_delete_elem(map_.get(), &key);
  if (result == 0 || (!present && errno == ENOENT)) return {};
  return system_error("cannot tell the steering program of " + to_text(endpoint));
}

Result<bool> SteeredEndpoints::refresh() {
  EndpointView found;
  if (!listening_) return std::exchange(left_, false);
  auto listening = listening_->on(ports_, &found.on_devices);
  if (!listening) return listening.error();
  found.listeners = std::move(*listening);
  std::erase_if(found.listeners, [this](const auto& listener) {
    return listener.first.address.family == IpFamily::ipv4 ? !steers_.ipv4 : !steers_.ipv6;
  });
  if (found == view_) return std::exchange(left_, false);
  view_.on_devices = found.on_devices;
  for (auto old = view_.listeners.begin(); old != view_.listeners.end();) {
    if (found.listeners.contains(old->first)) {
      ++old;
      continue;
    }
    if (const auto done = set(old->first, false); !done) return done.error();
    old = view_.listeners.erase(old);
  }
  for (const auto& [endpoint, owner] : found.listeners) {
    if (!view_.listeners.contains(endpoint))
      if (const auto done = set(endpoint, true); !done) return done.error();
    view_.listeners[endpoint] = owner;
  }
  return true;
}

// What cannot be taken out of the map steers to listeners that are gone, and so passes.
void SteeredEndpoints::leave() {
  for (const auto& [endpoint, owner] : view_.listeners) {
    [[maybe_unused]] const Result<void> done = set(endpoint, false);
  }
  view_ = {};
  listening_.reset();
  left_ = true;
}

std::vector<int> SteeredEndpoints::descriptors() const {
  std::vector<int> all{map_.get()};
  if (listening_) all.push_back(listening_->descriptor());
  return all;
}

void SteeredEndpoints::give_to_model(int accepted) const {
  if (!is_tcp_connection(accepted)) return;
  const Result<SocketAddress> destination = local_address_of(accepted);
  const uid_t* owner = destination ? view_.owner_of(*destination) : nullptr;
  if (owner == nullptr) return;
  // Without the privilege (CAP_CHOWN) the connection serves all the same.
  [[maybe_unused]] const int done = ::fchown(accepted, *owner, static_cast<gid_t>(-1));
}

}  // namespace tasklane
