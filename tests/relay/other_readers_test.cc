// Real servers read what the relay forwards, and see as many requests as it counted: Go's net/http, Node's,
// which is llhttp, and cpp-httplib, which is llama.cpp's. Skipped where they are not installed.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "relay/relay_fixture.h"

namespace tasklane {
namespace {

const std::string here = std::string(TASKLANE_SOURCE_DIR) + "/tests/relay/";

// A server in a process of its own, that says its port in its first line.
class Witness {
 public:
  explicit Witness(const std::string& command) {
    int pipe_ends[2] = {-1, -1};
    if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
    const std::string line = "exec " + command;
    const char* words[] = {"sh", "-c", line.c_str(), nullptr};
    ::posix_spawn(&process_, "/bin/sh", &actions, nullptr, const_cast<char* const*>(words), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pipe_ends[1]);
    std::string port;
    char digit = 0;
    while (::read(pipe_ends[0], &digit, 1) == 1 && digit != '\n') port += digit;
    ::close(pipe_ends[0]);
    port_ = static_cast<std::uint16_t>(std::atoi(port.c_str()));
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::uint64_t counted() const {
    Peer asking = Peer::to(port_);
    asking.send("GET /counted HTTP/1.0\r\n\r\n");
    const std::string said = asking.rest();
    return std::strtoull(said.substr(said.rfind('\n') + 1).c_str(), nullptr, 10);
  }

 private:
  pid_t process_ = -1;
  std::uint16_t port_ = 0;
};

bool runs(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

class OtherReaders : public RelayTest {
 protected:
  void agree(const std::string& command) {
    const Witness witness(command);
    ASSERT_NE(0, witness.port()) << command;
    original = "http://127.0.0.1:" + std::to_string(witness.port());
    start();
    for (const std::string& bytes : streams()) {
      const std::uint64_t asked = requests();
      const std::uint64_t seen = witness.counted();
      Peer person = client();
      person.send(bytes);
      person.rest();  // to the end: what is counted later is not taken for the next one's
      const auto agreed = [&] { return requests() - asked == witness.counted() - seen; };
      EXPECT_TRUE(eventually(agreed)) << bytes;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // for one that is seen too many
      person.reset();
      EXPECT_TRUE(agreed()) << bytes;
    }
  }

 private:
  std::uint64_t requests() {
    return row(RequestClass::chat, "original").requests + row(RequestClass::other, "original").requests +
           row(RequestClass::admin, "original").requests;
  }
  static std::vector<std::string> streams() {
    const std::string get = "GET /hidden HTTP/1.1\r\nHost: m\r\n\r\n";
    const auto posted = [](const std::string& path, const std::string& rest) {
      return "POST " + path + " HTTP/1.1\r\nHost: m\r\n" + rest;
    };
    const std::string last = "GET /hidden HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n";
    std::vector<std::string> all{last, get + last, get + "\r\n" + last,
                                 posted("/x", "Content-Length: 2\r\n\r\n{}") + last};
    // Each as a body that is read whole, and as one that streams through.
    for (const std::string path : {"/api/chat", "/api/pull"}) {
      for (const std::string coding : {"chunked", "CHUNKED", " chunked\t"})
        all.push_back(posted(path, "Transfer-Encoding:" + coding + "\r\n\r\n2\r\n{}\r\n0\r\n\r\n") + last);
      for (const std::string coding :
           {"gzip, chunked", ",chunked", "chunked;q=1", "chunked foo", "chunked\"", "identity", "chunked,",
            "\"chunked\"", "chunked, identity", "xchunked", "", "chunked\x0b"})
        all.push_back(posted(path, "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n") + last);
      for (const std::string body :
           {"2;a=b\r\n{}\r\n0\r\n\r\n", "2;a=\"b;c\"\r\n{}\r\n0\r\n\r\n", "2;a=\"\n\"\r\n{}\r\n0\r\n\r\n",
            "2;a=\"\r\"\r\n{}\r\n0\r\n\r\n", "2;\n{}\r\n0\r\n\r\n", "2\n{}\r\n0\r\n\r\n",
            "2\r\n{}\n0\r\n\r\n", "2\r\n{}\r\n0\n\r\n", "2\r\n{}\r\n0\r\n\n", "2\r\n{}\r\n0\r\nX: 1\r\n\r\n",
            "2\r\n{}\r\n0\r\nX: 1\n\r\n", "2 \r\n{}\r\n0\r\n\r\n", "0x2\r\n{}\r\n0\r\n\r\n",
            "+2\r\n{}\r\n0\r\n\r\n", "2;\x01\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n00\r\n\r\n",
            "002\r\n{}\r\n0\r\n\r\n", "2\r\r\n{}\r\n0\r\n\r\n"})
        all.push_back(posted(path, "Transfer-Encoding: chunked\r\n\r\n" + body) + last);
      for (const std::string framing :
           {"Content-Length: 0\r\nTransfer-Encoding: chunked", "Content-Length: 2\r\nContent-Length: 0",
            "Content-Length: 0, 0", "Content-Length: +0", "Content-Length:", "Content-Length : 0",
            " Content-Length: 0", "Content-Length: 0\x0b"})
        all.push_back(posted(path, framing + "\r\n\r\n") + last);
    }
    return all;
  }
};

// Made with the tests, where what it takes is installed.
std::string made(const std::string& witness) {
  const std::filesystem::path program = std::filesystem::path(TASKLANE_BUILD_DIR) / witness;
  return std::filesystem::exists(program) ? program.string() : "";
}

TEST_F(OtherReaders, GoSeesAsManyRequestsAsTheRelay) {
  const std::string go = made("counting_server_go");
  if (go.empty()) GTEST_SKIP() << "Go is not installed";
  agree(go);
}

TEST_F(OtherReaders, CppHttplibSeesAsManyRequestsAsTheRelay) {
  const std::string httplib = made("counting_server_httplib");
  if (httplib.empty()) GTEST_SKIP() << "cpp-httplib is not installed";
  agree(httplib);
}

TEST_F(OtherReaders, LlhttpSeesAsManyRequestsAsTheRelay) {
  if (!runs("node --version")) GTEST_SKIP() << "Node is not installed";
  agree("node " + here + "counting_server.js");
}

}  // namespace
}  // namespace tasklane
