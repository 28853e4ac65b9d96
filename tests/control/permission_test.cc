// Who may ask what at the control socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "control/control_fixture.h"

namespace tasklane {
namespace {

using testing::HasSubstr;

ControlServer::Routes two_routes() {
  ControlServer::Routes routes;
  for (const char* method : {"GET", "POST"})
    routes[{method, "/thing"}] = [](const std::string&) { return ControlAnswer{200, "text/plain", "done"}; };
  return routes;
}

std::string answer(const std::string& socket, const std::string& method) {
  return test::RawClient::at(socket)
      .send(method + " /thing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      .rest()
      .value_or("no end");
}

TEST(ControlPermission, IsAskedOfEachRequestWithTheProcessThatAsks) {
  const test::TemporaryFolder folder;
  const std::string socket = folder.path() / "socket";
  test::RunningControl control;
  std::vector<uid_t> users;
  std::vector<gid_t> groups;
  ASSERT_TRUE(control.listen(
      socket, two_routes(),
      [&](const ControlServer::Peer& peer, const std::string& method, const std::string& path) {
        users.push_back(peer.user);
        groups.push_back(peer.groups.front());
        EXPECT_EQ(path, "/thing");
        return method == "GET";
      }));
  EXPECT_THAT(answer(socket, "GET"), HasSubstr("done"));
  EXPECT_THAT(answer(socket, "POST"), testing::AllOf(HasSubstr("403"), HasSubstr("tasklane-admin")));
  control.stop();
  EXPECT_THAT(users, testing::ElementsAre(::getuid(), ::getuid()));
  EXPECT_THAT(groups, testing::ElementsAre(::getgid(), ::getgid()));
}

}  // namespace
}  // namespace tasklane
