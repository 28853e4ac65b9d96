// What a client of the control socket hears, right requests and wrong ones.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "control/control_fixture.h"
#include "tools/support/control_client.h"

namespace tasklane {
namespace {

using test::RawClient;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using Json = nlohmann::json;

class AControlConversation : public testing::Test {
 protected:
  AControlConversation() {
    ControlServer::Routes routes;
    routes[{"GET", "/thing"}] = [](const std::string&) {
      return ControlAnswer{200, "text/plain", "a thing"};
    };
    routes[{"POST", "/thing"}] = [](const std::string& body) {
      return ControlAnswer{200, "application/json", Json{{"you_said", body}}.dump()};
    };
    routes[{"GET", "/broken"}] = [](const std::string&) -> ControlAnswer {
      throw std::runtime_error("this part is broken");
    };
    EXPECT_TRUE(control_.listen(path_, std::move(routes)));
  }

  RawClient client() const { return RawClient::at(path_); }
  std::string raw(const std::string& request) const {
    return client().send(request).rest().value_or("(no end)");
  }
  // The message of an error's JSON body.
  static std::string error_in(const std::string& response) {
    const auto body = response.find("\r\n\r\n");
    const Json json = Json::parse(response.substr(std::min(body, response.size())), nullptr, false);
    return json.is_object() ? json.value("error", "(no error)") : "(no JSON) " + response;
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.path() / "control.sock";
  test::RunningControl control_;
};

TEST_F(AControlConversation, AHandlerGetsTheBodyAndItsAnswerComesBack) {
  const Result<ControlReply> got = ask_agent(path_, "GET", "/thing");
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "a thing");
  const Result<ControlReply> posted = ask_agent(path_, "POST", "/thing", "hello");
  ASSERT_TRUE(posted) << posted.error().text();
  EXPECT_EQ(Json::parse(posted->body), Json({{"you_said", "hello"}}));
}

TEST_F(AControlConversation, AQueryIsNoPartOfThePath) {
  EXPECT_EQ(ask_agent(path_, "GET", "/thing?pretty=1")->status, 200);
}

TEST_F(AControlConversation, TwoRequestsInOneWriteAreAnsweredInOrder) {
  const std::string said =
      raw("POST /thing HTTP/1.1\r\nContent-Length: 3\r\n\r\none"
          "POST /thing HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\ntwo");
  EXPECT_THAT(said, HasSubstr(R"({"you_said":"one"}HTTP/1.1 200 OK)"));
  EXPECT_THAT(said, EndsWith(R"({"you_said":"two"})"));
}

TEST_F(AControlConversation, AConnectionServesOneRequestAfterAnother) {
  RawClient one = client();
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(one.send("GET /thing HTTP/1.1\r\n\r\n").until("a thing"), HasSubstr("200 OK"));
}

TEST_F(AControlConversation, AnUnknownPathIsNotFoundByName) {
  const Result<ControlReply> got = ask_agent(path_, "GET", "/nowhere");
  ASSERT_TRUE(got);
  EXPECT_EQ(got->status, 404);
  EXPECT_EQ(Json::parse(got->body), Json({{"error", "nothing at /nowhere"}}));
}

TEST_F(AControlConversation, APathThatIsNoUtf8IsNotFoundEither) {
  const std::string said = raw("GET /\xff\xfe HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(said, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(error_in(said), StartsWith("nothing at /"));
}

TEST_F(AControlConversation, AWrongMethodIsToldTheRightOnes) {
  const std::string said = raw("DELETE /thing HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(said, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(said, HasSubstr("\r\nAllow: GET, POST\r\n"));
  EXPECT_EQ(error_in(said), "use GET, POST here");
}

TEST_F(AControlConversation, AHandlerThatThrowsIsAServerErrorAndTheNextRequestIsServed) {
  const Result<ControlReply> got = ask_agent(path_, "GET", "/broken");
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->status, 500);
  EXPECT_EQ(Json::parse(got->body), Json({{"error", "this part is broken"}}));
  EXPECT_EQ(ask_agent(path_, "GET", "/thing")->status, 200);
}

TEST_F(AControlConversation, WhatIsNoHttpIsABadRequestAndTheEnd) {
  const std::string said = raw("good morning\r\n\r\n");
  EXPECT_THAT(said, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(said, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(error_in(said), StartsWith("this is not an HTTP/1.1 request: "));
}

TEST_F(AControlConversation, ABodyThatIsTooLargeIsRefusedByItsLength) {
  const Result<ControlReply> got = ask_agent(path_, "POST", "/thing", std::string(100000, 'x'));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->status, 413);
  EXPECT_EQ(Json::parse(got->body), Json({{"error", "the body is longer than 65536 bytes"}}));
}

TEST_F(AControlConversation, AChunkedBodyIsBoundedToo) {
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  RawClient one = client();
  one.send("POST /thing HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 5; ++i) one.send(chunk);
  EXPECT_THAT(one.rest().value_or("(no end)"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(AControlConversation, AHeaderThatIsTooLongIsRefused) {
  const std::string said = raw("GET /thing HTTP/1.1\r\nA: " + std::string(20000, 'a') + "\r\n\r\n");
  EXPECT_THAT(said, StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(error_in(said), "the header is too long");
}

TEST_F(AControlConversation, AClientThatLeavesInTheMiddleDisturbsNobody) {
  client().send("POST /thing HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
  EXPECT_EQ(ask_agent(path_, "GET", "/thing")->status, 200);
}

TEST_F(AControlConversation, ASilentClientIsLeftAndOneThatStopsInTheMiddleToo) {
  test::RunningControl impatient(std::chrono::milliseconds(20));
  const std::string path = folder_.path() / "impatient.sock";
  ASSERT_TRUE(impatient.listen(path));
  EXPECT_EQ(RawClient::at(path).rest(), "");
  EXPECT_EQ(RawClient::at(path).send("GET /thing HTTP/1.1\r\nHo").rest(), "");
  const std::string kept_open = "GET /nothing HTTP/1.1\r\n\r\n";
  EXPECT_THAT(RawClient::at(path).send(kept_open).rest().value_or("(no end)"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(AControlConversation, TooManyAtOnceAreTurnedAwayUntilOneLeaves) {
  std::vector<RawClient> silent;
  for (int i = 0; i < 64; ++i) {
    silent.push_back(client());
    ASSERT_THAT(silent.back().send("GET /thing HTTP/1.1\r\n\r\n").until("a thing"), HasSubstr("200 OK"));
  }
  const Result<ControlReply> turned_away = ask_agent(path_, "GET", "/thing");
  ASSERT_FALSE(turned_away);
  EXPECT_THAT(turned_away.error().what, StartsWith("the agent broke off: "));
  silent.clear();
  for (int tries = 0; tries < 1000; ++tries) {
    if (ask_agent(path_, "GET", "/thing")) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  FAIL() << "nobody was let in again";
}

TEST_F(AControlConversation, OverTcpOnlyWhatIsOfferedThereIsServed) {
  ControlServer::Routes routes;
  routes[{"GET", "/metrics"}] = [](const std::string&) { return ControlAnswer{200, "text/plain", "up 1\n"}; };
  const Result<std::uint16_t> port = control_.listen_tcp("127.0.0.1:0", std::move(routes));
  ASSERT_TRUE(port) << port.error().text();
  const auto said = [&](const std::string& request) {
    return RawClient::at(*port)
        .send(request + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .rest()
        .value_or("");
  };
  EXPECT_THAT(said("GET /metrics"), EndsWith("\r\n\r\nup 1\n"));
  EXPECT_THAT(said("GET /thing"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(said("POST /metrics"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(AControlConversation, ATcpAddressThatIsTakenOrNoneIsSaidByName) {
  const Result<std::uint16_t> port = control_.listen_tcp("127.0.0.1:0", {});
  ASSERT_TRUE(port);
  const std::string taken = "127.0.0.1:" + std::to_string(*port);
  for (const std::string& address : {taken, std::string("localhost"), std::string("127.0.0.1:http"),
                                     std::string("127.0.0.1:70000"), std::string("[::1]")}) {
    const Result<std::uint16_t> refused = control_.listen_tcp(address, {});
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().where, address);
    EXPECT_THAT(refused.error().text(), HasSubstr("cannot listen for metrics"));
  }
}

}  // namespace
}  // namespace tasklane
