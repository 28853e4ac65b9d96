// One question to the kernel over netlink, and its answers.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "shaper/base/result.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

class NetlinkSocket {
 public:
  // Asks about the network namespace that the thread is in now, also when the thread moves on.
  static Result<NetlinkSocket> open(int protocol);

  // `request` begins with its nlmsghdr, whose sequence number is filled in here. `answer` sees each message
  // that comes back; the end of a dump and the kernel's refusals are dealt with here.
  using Answer = std::function<void(const nlmsghdr&)>;
  Result<void> ask(std::span<std::byte> request, const Answer& answer);
  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  explicit NetlinkSocket(UniqueFd socket) : socket_(std::move(socket)) {}
  Result<std::size_t> receive(std::span<std::byte> buffer) const;

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

// The attributes behind a message's fixed part.
template <class Visit>
void for_each_attribute(const std::byte* begin, std::size_t length, const Visit& visit) {
  while (length >= sizeof(nlattr)) {
    const auto* attribute = reinterpret_cast<const nlattr*>(begin);
    if (attribute->nla_len < sizeof(nlattr) || attribute->nla_len > length) return;
    visit(attribute->nla_type & NLA_TYPE_MASK, begin + NLA_HDRLEN);
    const std::size_t step = NLA_ALIGN(attribute->nla_len);
    if (step >= length) return;
    begin += step;
    length -= step;
  }
}

}  // namespace tasklane
