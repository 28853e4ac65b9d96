// Messages between an agent and its helper.
#include "userspace/steer/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <filesystem>

namespace tasklane {
namespace {

long open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return std::distance(begin(all), end(all));
}

// By hand: Channel itself sends one at most.
void send_with_two_descriptors(int socket) {
  const std::array<int, 2> passed{0, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(passed))> room{};
  char text = 'x';
  iovec part{&text, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(passed));
  std::memcpy(CMSG_DATA(header), passed.data(), sizeof(passed));
  ASSERT_EQ(::sendmsg(socket, &message, 0), 1);
}

TEST(AChannel, PassesAMessageWithOneDescriptor) {
  auto [one, other] = Channel::pair().value();
  ASSERT_TRUE(one.send("steer", 0));
  const auto message = other.receive(std::chrono::seconds(1));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->text, "steer");
  EXPECT_TRUE(message->descriptor);
}

TEST(AChannel, KeepsNoDescriptorThatNobodyAskedFor) {
  auto [one, other] = Channel::pair().value();
  const long before = open_descriptors();
  for (int count = 0; count < 20; ++count) {
    send_with_two_descriptors(one.descriptor());
    EXPECT_TRUE(other.receive(std::chrono::seconds(1)));
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace tasklane
