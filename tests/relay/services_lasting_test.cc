// Services over time: configurations that are read again, connections that are kept, stuck or idle, upstreams
// that fail again and again, the end.
#include <future>

#include "relay/service_fixture.h"
#include "userspace/serve/services.h"
#include "userspace/serve/target.h"
#include "userspace/wire/spawn.h"
#include "userspace/wire/tls_client.h"

namespace tasklane {
namespace {

class ServicesThatLast : public AskingAService {
 protected:
  static constexpr const char* at_once = R"(["hosted", "model"], "settle": "0s", "quiet": "0s")";

  // A title that waits for a chat on the same machine: both are held in mind.
  void let_a_title_wait(Peer& chatter, Peer& person) {
    chatter.send(chat);
    server_.emplace(model.accept());
    receive_request(*server_);
    person.send(title());
    ASSERT_TRUE(eventually([this] { return in_relay([this] { return admission().held(); }) == 2; }));
  }
  void end_the_chat() {
    stream_answer(*server_, "Boil it.");
    server_.reset();
  }
  // The end does not wait for the peers of this test.
  [[nodiscard]] bool ends_by_itself() {
    ended_ = std::async(std::launch::async, [this] { end(); });
    return ended_.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  }

  std::optional<Peer> server_;
  std::future<void> ended_;
};

TEST_F(ServicesThatLast, AReloadChangesNeitherKeyNorAuthorityNorAddressOfARequestUnderWay) {
  SecureServer before(authority_, {});
  const Authority other;
  SecureServer after(other, {});
  start(with_service(before.url(), R"(, "api_key_file": ")" + key_file() + "\"", at_once));
  Peer chatter = client();
  Peer person = client();
  let_a_title_wait(chatter, person);
  other.write(ca_file());
  reload(with_service(after.url(), R"(, "api_key_file": ")" + key_file(0600, "sk-other", "other-key") + "\"",
                      at_once));
  end_the_chat();
  SecurePeer service = before.accept();
  ASSERT_TRUE(service.open());
  EXPECT_NE(std::string::npos, asked(service).head.find("Bearer " + key + "\r\n"));
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));

  person.send(title("What is next?"));
  SecurePeer next = after.accept();
  ASSERT_TRUE(next.open());
  EXPECT_NE(std::string::npos, asked(next).head.find("Bearer sk-other\r\n"));
  next.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

TEST_F(ServicesThatLast, AReloadThatChangesTheKeyAloneLeavesARequestUnderWayItsOwn) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), R"(, "api_key_file": ")" + key_file() + "\"", at_once));
  Peer chatter = client();
  Peer person = client();
  let_a_title_wait(chatter, person);
  reload(with_service(hosted.url(), R"(, "api_key_file": ")" + key_file(0600, "sk-other", "other-key") + "\"",
                      at_once));
  end_the_chat();
  SecurePeer service = hosted.accept();
  EXPECT_NE(std::string::npos, asked(service).head.find("Bearer " + key + "\r\n"));
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

TEST_F(ServicesThatLast, WhatWasMeantForTlsIsNotSentInClearBehindAReload) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), "", at_once));
  Peer chatter = client();
  Peer person = client();
  let_a_title_wait(chatter, person);
  reload(with_service("http" + hosted.url().substr(5), "", at_once));
  end_the_chat();
  SecurePeer service = hosted.accept();
  ASSERT_TRUE(service.open()) << "a handshake, not a request";
  asked(service);
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

TEST_F(ServicesThatLast, AConnectionWhoseAnswerWasNotReadToItsEndIsNotUsedAgain) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  person.send(title("one"));
  SecurePeer service = hosted.accept();
  asked(service);
  const std::string whole = completion();
  const std::size_t body = whole.find("\r\n\r\n") + 4;
  service.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
               std::to_string(whole.size() - body + 1000) + "\r\n\r\n" + whole.substr(body));
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
  person.send(title("two"));
  SecurePeer next = hosted.accept();
  EXPECT_NE("", asked(next).head);
  next.send(completion(R"({"title": "Two"})"));
  EXPECT_EQ(R"({"title": "Two"})", content_of(receive_answer(person)));
  EXPECT_EQ("", service.receive(1)) << "closed, and not asked";
}

TEST_F(ServicesThatLast, AnIdleConnectionByTlsHoldsUpNoEnd) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  person.send(title());
  SecurePeer service = hosted.accept();
  asked(service);
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
  EXPECT_TRUE(ends_by_itself());
  EXPECT_EQ("", service.receive(1));
}

TEST_F(ServicesThatLast, AChatToASilentServiceIsAnsweredByTheNext) {
  start(with_chats(R"(, "timeout": "200ms")"));
  Peer person = client();
  person.send(openai_chat());
  Peer service = task.accept();
  EXPECT_EQ("gpt-tiny", receive_request(service)["model"]);
  model_answers_chat(person);
}

TEST_F(ServicesThatLast, WhatFailsThreeChatsIsNotAskedTheFourth) {
  start(with_chats());
  Peer person = client();
  for (const char* const each : {"one", "two", "three"}) {
    person.send(openai_chat(each));
    {
      Peer service = task.accept();
      receive_request(service);
    }
    model_answers_chat(person);
  }
  person.send(openai_chat("four"));
  model_answers_chat(person);
  EXPECT_FALSE(task.called_within(milliseconds(0)));
  EXPECT_EQ(4, row(RequestClass::chat, "hosted").failed_over);
}

TEST_F(ServicesThatLast, APauseThatIsAskedForInAnswerToAChatIsHeeded) {
  start(with_chats());
  Peer person = client();
  person.send(openai_chat("one"));
  {
    Peer service = task.accept();
    receive_request(service);
    service.send(answer("{}", "Retry-After: 30\r\n", "429 Too Many Requests"));
  }
  model_answers_chat(person);
  person.send(openai_chat("two"));
  model_answers_chat(person);
  EXPECT_FALSE(task.called_within(milliseconds(0)));
}

TEST_F(ServicesThatLast, ChatsWhoseClientsLeaveAreNotTheServicesFault) {
  start(with_chats());
  for (const char* const each : {"one", "two", "three"}) {
    Peer person = client();
    person.send(openai_chat(each));
    Peer service = task.accept();
    receive_request(service);
    person.close();
    EXPECT_TRUE(service.sees_close());
  }
  Peer person = client();
  person.send(openai_chat("four"));
  Peer service = task.accept();
  EXPECT_EQ("gpt-tiny", receive_request(service)["model"]);
}

TEST_F(ServicesThatLast, ClientsWhoseOwnKeysAreRefusedKeepNobodyElseFromTheServer) {
  start(
      R"(, "upstreams": {"model": {"address": "original"}, "task": {"url": ")" + task.url() +
      R"("}}, "rules": [{"name": "all", "when": {"class": "chat"}, "then": {"route": ["task", "model"]}}])");
  for (const char* const each : {"one", "two", "three"}) {
    Peer person = client();
    person.send(openai_chat(each));
    Peer server = task.accept();
    receive_request(server);
    server.send(answer("{}", "", "401 Unauthorized"));
    model_answers_chat(person);
  }
  Peer person = client();
  person.send(openai_chat("four"));
  Peer server = task.accept();
  receive_request(server);
  server.send(completion("From the server."));
  EXPECT_NE(std::string::npos, person.until("[DONE]\n\n").find("From the server."));
}

TEST_F(ServicesThatLast, OfTwoUpstreamsAtOneAddressTheOneThatFailsIsPassedOver) {
  const std::string there = R"({"url": ")" + task.url() + R"(/v1", "dialect": "openai", "model": )";
  start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "dear": )" + there +
        R"("dear"}, "cheap": )" + there +
        R"("cheap"}}, "rules": [{"name": "tasks", "when": {"class": "title"},
        "then": {"route": ["dear", "cheap", "model"], "lane": "background"}}])");
  Peer person = client();
  for (const char* const each : {"one", "two", "three", "four"}) {
    person.send(title(each));
    if (std::string_view(each) != "four") {
      Peer dear = task.accept();
      EXPECT_EQ("dear", receive_request(dear)["model"]);
    }
    Peer cheap = task.accept();
    EXPECT_EQ("cheap", receive_request(cheap)["model"]);
    cheap.send(completion());
    EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
  }
}

TEST(AConnectionByTls, ToAServerThatStopsReadingLeavesNothingBehindOnceItGoes) {
  const Authority authority;
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "ca.pem").string();
  authority.write(file);
  SecureServer hosted(authority, {});
  const Result<std::string> certificates = read_authorities(file);
  ASSERT_TRUE(certificates.has_value()) << certificates.error().text();
  const auto tls = TlsClient::make("localhost", TlsClient::Authorities{*certificates, file});
  ASSERT_TRUE(tls.has_value()) << tls.error().text();
  auto accepted =
      std::async(std::launch::async, [&] { return std::make_unique<SecurePeer>(hosted.accept()); });
  const std::string much(64U << 20, 'x');
  asio::io_context io{1};
  UpstreamConnections pool(io, Dialer(), std::chrono::seconds(2));
  spawn(io, "a test", [&]() -> Awaitable<void> {
    const auto port =
        static_cast<std::uint16_t>(std::stoul(hosted.url().substr(hosted.url().rfind(':') + 1)));
    Destination to{TcpEndpoint(asio::ip::address_v4::loopback(), port), {}, *tls};
    const Result<UpstreamPtr> dialled = co_await pool.dial(std::move(to), false);
    EXPECT_TRUE(dialled.has_value());
    if (!dialled) co_return;
    Timer patience(io.get_executor());
    abort_after(patience, std::chrono::milliseconds(300), *dialled);
    const bool sent = co_await send_all((*dialled)->socket(), much);
    EXPECT_FALSE(sent) << "the server has not read it";
  });
  io.run_for(std::chrono::seconds(5));
  EXPECT_TRUE(io.stopped()) << "something still waits for the server to read";
  EXPECT_TRUE(accepted.get()->open());
}

TEST(ServerKeys, AreOneForAServerAndOneForEachAccountOutThere) {
  const Result<Config> config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {
           "a": {"url": "https://api.example.com/v1", "model": "m"},
           "b": {"url": "https://api.example.com/v1", "model": "n"},
           "c": {"url": "http://127.0.0.1:4000/v1", "model": "m", "dialect": "openai"},
           "d": {"url": "http://127.0.0.1:4000/v1", "model": "n", "dialect": "openai"},
           "e": {"url": "http://127.0.0.1:4000"}}})",
      "test");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  const auto of = [&](const char* name) { return server_key({}, config->upstreams.find(name)->second); };
  EXPECT_NE(of("a"), of("b"));
  EXPECT_EQ(of("c"), of("d"));
  EXPECT_EQ(of("c"), of("e")) << "one that is not asked as a service, too";
}

}  // namespace
}  // namespace tasklane
