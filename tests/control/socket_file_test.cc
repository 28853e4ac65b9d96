// The control socket's file: whose it is, who may open it, and what happens where one is there already.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/control_fixture.h"
#include "tools/support/control_client.h"

namespace tasklane {
namespace {

using testing::HasSubstr;

mode_t mode_of(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 ? found.st_mode & 07777 : 0;
}

ControlServer::Routes name_route(const std::string& name) {
  ControlServer::Routes routes;
  routes[{"GET", "/name"}] = [name](const std::string&) { return ControlAnswer{200, "text/plain", name}; };
  return routes;
}

std::string name_at(const std::string& path) {
  const Result<ControlReply> reply = ask_agent(path, "GET", "/name");
  return reply ? reply->body : reply.error().text();
}

// A listening socket that nobody serves: an agent that is stopped.
UniqueFd stopped_agent(const std::string& path, int backlog) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(fd.get(), backlog), 0);
  return fd;
}

class SocketFile : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::string path_ = folder_.path() / "control.sock";
};

TEST_F(SocketFile, MayBeOpenedByOwnerAndGroupAloneWhateverTheMask) {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}}) {
    const mode_t before = ::umask(mask);
    test::RunningControl control;
    EXPECT_TRUE(control.listen(path_));
    EXPECT_EQ(::umask(before), mask) << "the mask is put back";
    EXPECT_EQ(mode_of(path_), 0660);
  }
}

TEST_F(SocketFile, GetsItsFoldersWhereTheyAreMissing) {
  const std::string path = folder_.path() / "run" / "tasklane" / "control.sock";
  const mode_t before = ::umask(0);
  test::RunningControl control;
  const Result<void> listening = control.listen(path, name_route("agent"));
  ::umask(before);
  ASSERT_TRUE(listening) << listening.error().text();
  EXPECT_EQ(mode_of(folder_.path() / "run" / "tasklane"), 0755);
  EXPECT_EQ(name_at(path), "agent");
}

TEST_F(SocketFile, IsGoneAfterACleanEnd) {
  test::RunningControl control;
  ASSERT_TRUE(control.listen(path_));
  ASSERT_TRUE(std::filesystem::exists(path_));
  control.stop();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketFile, OfADeadAgentIsReplaced) {
  stopped_agent(path_, 1).reset();
  ASSERT_TRUE(std::filesystem::exists(path_));
  test::RunningControl control;
  const Result<void> listening = control.listen(path_, name_route("new"));
  ASSERT_TRUE(listening) << listening.error().text();
  EXPECT_EQ(name_at(path_), "new");
}

TEST_F(SocketFile, OfALivingAgentIsRefusedAndLeftToIt) {
  test::RunningControl first;
  ASSERT_TRUE(first.listen(path_, name_route("first")));
  {
    test::RunningControl second;
    const Result<void> refused = second.listen(path_, name_route("second"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), path_ +
                                          ": another tasklaned answers on this control socket (stop it, or "
                                          "give this one another with --control PATH)");
  }
  EXPECT_EQ(name_at(path_), "first");
}

TEST_F(SocketFile, OfAStoppedAgentWithAFullQueueIsNotTakenForADeadOnes) {
  const UniqueFd stopped = stopped_agent(path_, 0);
  const auto waiting = test::RawClient::at(path_);
  test::RunningControl control;
  const Result<void> refused = control.listen(path_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("another tasklaned answers"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(SocketFile, ThatIsAnOrdinaryFileIsKept) {
  const std::string notes = folder_.write("notes.txt", "dear diary");
  test::RunningControl control;
  const Result<void> refused = control.listen(notes);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("notes.txt: this file is there already and is no socket"));
  control.stop();
  std::string kept;
  std::getline(std::ifstream(notes), kept);
  EXPECT_EQ(kept, "dear diary");
}

TEST_F(SocketFile, WhosePathDoesNotFitASocketIsRefused) {
  test::RunningControl control;
  for (const std::string& path : {std::string(), folder_.path().string() + "/" + std::string(108, 'x')}) {
    const Result<void> refused = control.listen(path);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text(), HasSubstr("107 characters"));
  }
}

TEST_F(SocketFile, WhoseFolderCannotBeMadeIsRefusedByName) {
  folder_.write("file", "");
  test::RunningControl control;
  const std::string path = folder_.path() / "file" / "control.sock";
  const Result<void> refused = control.listen(path);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr(path + ": cannot make the control socket's folder"));
}

TEST_F(SocketFile, ThatIsMissingTellsTheToolsUserToStartTheAgent) {
  const Result<ControlReply> reply = ask_agent(path_, "GET", "/stats");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit, ExitCode::found);
  EXPECT_THAT(reply.error().text(), HasSubstr(path_ + ": no agent answers here"));
  EXPECT_THAT(reply.error().hint, HasSubstr("start tasklaned"));
}

TEST_F(SocketFile, OfAStoppedAgentDoesNotHoldTheToolForever) {
  const UniqueFd stopped = stopped_agent(path_, 5);
  const Result<ControlReply> reply = ask_agent(path_, "GET", "/stats", "", std::chrono::milliseconds(50));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit, ExitCode::found);
  EXPECT_EQ(reply.error().what, "the agent does not answer");
}

TEST_F(SocketFile, ThatThisUserMayNotOpenIsSaidWithItsExitCode) {
  test::RunningControl control;
  ASSERT_TRUE(control.listen(path_));
  ASSERT_EQ(::chmod(path_.c_str(), 0), 0);
  const uid_t user = ::geteuid();
  if (user == 0) {
    ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const Result<ControlReply> reply = ask_agent(path_, "GET", "/stats");
  if (user == 0) {
    ASSERT_EQ(::seteuid(user), 0);
  }
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().exit, ExitCode::not_permitted);
  EXPECT_THAT(reply.error().hint, HasSubstr("member of the socket's group"));
}

}  // namespace
}  // namespace tasklane
