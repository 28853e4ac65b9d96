// A server that reads slower than the client sends: what comes meanwhile is passed on when it reads on, also
// where it was the last that comes.
#include <gtest/gtest.h>

#include "relay/relay_fixture.h"
#include "userspace/wire/spawn.h"
#include "userspace/wire/tunnel.h"
#include "userspace/wire/upload.h"

namespace tasklane {
namespace {

constexpr std::string_view ending = "0\r\n\r\n";

class SlowServer : public ::testing::Test {
 protected:
  SlowServer() {
    const int small = 4096;
    ::setsockopt(upstream->socket().native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    scanner->feed("POST /api/blobs/x HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\n");
    input->start();
  }

  // Chunks until they stand in the input, for the server takes no more.
  void send_until_it_is_full() {
    const std::string chunk = "2000\r\n" + std::string(0x2000, 'x') + "\r\n";
    while (input->bytes().size() < 2 * chunk.size()) {
      ASSERT_LT(sent.size(), 64u << 20) << "the server was never full";
      send(chunk);
    }
  }
  void send(std::string_view bytes) {
    person.send(bytes);
    sent += bytes;
    io.poll();
  }
  // All that the server has got when nothing has come for a second.
  std::string read_by_the_server() {
    std::string got;
    const auto idle = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(1); };
    for (auto until = idle(); got.size() < sent.size() && std::chrono::steady_clock::now() < until;) {
      io.poll();
      char buffer[4096];
      const ssize_t count = ::recv(server.descriptor(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (count == 0) break;
      if (count > 0) got.append(buffer, static_cast<std::size_t>(count)), until = idle();
    }
    return got;
  }

  asio::io_context io;
  Server door;
  TcpSocket client = connected();
  Peer person = door.accept();
  std::shared_ptr<ClientInput> input = std::make_shared<ClientInput>(client);
  UpstreamPtr upstream = std::make_shared<UpstreamConnection>(connected(), Destination{});
  Peer server = door.accept();
  std::shared_ptr<RequestScanner> scanner = std::make_shared<RequestScanner>(65536);
  std::string sent;

 private:
  TcpSocket connected() {
    TcpSocket socket(io.get_executor());
    socket.connect({asio::ip::address_v4(ntohl(own_loopback().s_addr)), door.port()});
    return socket;
  }
};

TEST_F(SlowServer, GetsTheEndOfABodyThatCameWhileItWasBehind) {
  const auto upload = std::make_shared<Upload>(upstream, "", Upload::Rest{input, scanner});
  upload->begin();
  send_until_it_is_full();
  send(ending);
  EXPECT_TRUE(sent == read_by_the_server());
  io.poll();
  EXPECT_TRUE(upload->sent().has_value());
  EXPECT_TRUE(upload->ended());
  upstream->abort();
  input->stop();
  io.poll();
}

TEST_F(SlowServer, GetsTheEndOfABodyOfAClientThatHasClosedMeanwhile) {
  const auto upload = std::make_shared<Upload>(upstream, "", Upload::Rest{input, scanner});
  upload->begin();
  send_until_it_is_full();
  person.send(ending);
  person.half_close();
  sent += ending;
  io.poll();
  EXPECT_TRUE(sent == read_by_the_server());
  io.poll();
  EXPECT_TRUE(upload->sent().has_value());
  upstream->abort();
  input->stop();
  io.poll();
}

TEST_F(SlowServer, GetsTheEndOfATunnelsBytesToo) {
  spawn(io.get_executor(), "a tunnel", tunnel(client, input, upstream, ""));
  send_until_it_is_full();
  send(ending);
  person.half_close();
  EXPECT_TRUE(sent == read_by_the_server());
  server.close();
  input->stop();
  io.run_for(std::chrono::seconds(1));
}

}  // namespace
}  // namespace tasklane
