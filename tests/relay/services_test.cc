// Tasks that are answered by a service of another dialect, by TLS and with a key: what it gets, what it does
// not get, and who answers where it fails.
#include <functional>

#include "relay/service_fixture.h"
#include "userspace/serve/services.h"

namespace tasklane {
namespace {

TEST_F(AskingAService, ATitleIsAskedInItsDialectWithTheKeyAndNothingOfTheClients) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), R"(, "api_key_file": ")" + key_file() + "\""));
  Peer person = client();
  person.send(title("How do I cook rice?",
                    "Cookie: session=secret\r\nAuthorization: Bearer theirs\r\nX-Forwarded-For: 10.1.2.3\r\n"
                    "X-OpenWebUI-User-Email: somebody@example.com\r\nUser-Agent: theirs\r\n"));
  SecurePeer service = hosted.accept();
  ASSERT_TRUE(service.open());
  EXPECT_EQ("TLSv1.3", service.version());
  EXPECT_EQ("localhost", service.asked_for());
  const Asked request = asked(service);
  EXPECT_EQ("POST /v1/chat/completions HTTP/1.1\r\nHost: " + hosted.url().substr(8) +
                "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
                "Authorization: Bearer " +
                key + "\r\nContent-Length: " + std::to_string(request.body.dump().size()) + "\r\n\r\n",
            request.head);
  EXPECT_EQ("gpt-tiny", request.body["model"]);
  EXPECT_EQ(1000, request.body["max_tokens"]);
  EXPECT_EQ(true, request.body["stream"]);
  EXPECT_EQ(title_body()["messages"], request.body["messages"]);
  EXPECT_FALSE(request.body.contains("options"));

  service.send(completion(hosted_title, "Set-Cookie: theirs=1\r\nX-Request-Id: r1\r\n"));
  const std::string head = person.until("\r\n\r\n");
  EXPECT_EQ(std::string::npos, head.find("theirs")) << head;
  const Json given = Json::parse(person.receive(std::stoul(head.substr(head.find("Content-Length: ") + 16))));
  EXPECT_EQ("big", given["model"]);
  EXPECT_EQ(hosted_title, given["message"]["content"]);
  EXPECT_EQ(true, given["done"]);
  EXPECT_EQ(100, given["prompt_eval_count"]);
  EXPECT_EQ(10, given["eval_count"]);
  EXPECT_FALSE(model.called_within(milliseconds(0)));
}

TEST_F(AskingAService, AConnectionServesTheNextTaskAndASessionIsResumed) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  {
    person.send(title("one"));
    SecurePeer service = hosted.accept();
    for (const char* const next : {"two", ""}) {
      asked(service);
      service.send(completion());
      EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
      if (*next != '\0') person.send(title(next));
    }
    EXPECT_FALSE(hosted.called_within(milliseconds(0)));
  }
  person.send(title("three"));
  SecurePeer again = hosted.accept();
  EXPECT_TRUE(again.resumed());
  asked(again);
  again.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

struct BadEnd {
  std::string name;
  Vouched certificate;
  bool foreign_authority = false;
  int newest = TLS1_3_VERSION;
};
class BadTls : public AskingAService, public testing::WithParamInterface<BadEnd> {};

TEST_P(BadTls, GetsNotAByteOfTheTaskAndTheModelAnswers) {
  const BadEnd& bad = GetParam();
  const Authority foreign;
  SecureServer hosted(bad.foreign_authority ? foreign : authority_, bad.certificate, bad.newest);
  start(with_service(hosted.url()));
  Peer person = client();
  person.send(title());
  SecurePeer service = hosted.accept();
  EXPECT_EQ("", service.receive(1));
  model_answers(person);
  EXPECT_EQ(1, row(RequestClass::title, "hosted").failed_over);
}
INSTANTIATE_TEST_SUITE_P(Kinds, BadTls,
                         testing::Values(BadEnd{"WrongHost", {.names = "DNS:example.com"}},
                                         BadEnd{"Expired", {.from_days = -3, .to_days = -1}},
                                         BadEnd{"NotYetValid", {.from_days = 1, .to_days = 2}},
                                         BadEnd{"UnknownAuthority", {}, true},
                                         BadEnd{"TooOld", {}, false, TLS1_1_VERSION}),
                         [](const auto& each) { return each.param.name; });

TEST_F(AskingAService, APlainServerOrHalfAHandshakeIsNone) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  person.send(title("one"));
  hosted.accept_plainly().send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  model_answers(person);
  person.send(title("two"));
  hosted.accept_plainly().receive(50);  // and closes
  model_answers(person);
}

TEST_F(AskingAService, WhoWantsToNegotiateAnewInTheMiddleIsNone) {
  SecureServer hosted(authority_, {}, TLS1_2_VERSION);
  start(with_service(hosted.url()));
  Peer person = client();
  person.send(title());
  {
    SecurePeer service = hosted.accept();
    asked(service);
    service.renegotiates();
    EXPECT_EQ("", service.receive(1)) << "not a byte under another name or key";
  }
  model_answers(person);
  EXPECT_TRUE(person.quiet_for(milliseconds(50)));
  EXPECT_EQ(1, row(RequestClass::title, "hosted").failed_over);
}

// What the service does with a task that it has read whole.
struct BadAnswer {
  std::string name;
  std::string bytes;  // and then it closes
};
class BadService : public AskingAService, public testing::WithParamInterface<BadAnswer> {};

TEST_P(BadService, TheModelAnswersOnce) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), R"(, "api_key_file": ")" + key_file() + "\""));
  Peer person = client();
  person.send(title());
  {
    SecurePeer service = hosted.accept();
    asked(service);
    service.send(GetParam().bytes);
  }
  model_answers(person);
  EXPECT_TRUE(person.quiet_for(milliseconds(50)));
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, BadService,
    testing::Values(
        BadAnswer{"Nothing", ""}, BadAnswer{"HalfAHead", "HTTP/1.1 200 OK\r\nContent-"},
        BadAnswer{"HalfABody", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\ndata: {\"choices\":"},
        BadAnswer{"Garbage", "\x16\x03\x01 no http"},
        BadAnswer{"NoJson", answer("certainly, here is your title")},
        BadAnswer{"AnotherForm", answer(R"({"ok": true})")},
        BadAnswer{"ServerError", answer(R"({"error": {"message": "overloaded"}})", "", "503 Busy")},
        BadAnswer{"WrongKey", answer(R"({"error": {"message": "Incorrect key: sk-test"}})", "", "401 No")}),
    [](const auto& each) { return each.param.name; });

TEST_F(AskingAService, WhatFailsThreeTimesIsPassedOverForAWhile) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  for (const char* const each : {"one", "two", "three"}) {
    person.send(title(each));
    hosted.accept_plainly().close();
    model_answers(person);
  }
  person.send(title("four"));
  model_answers(person);
  EXPECT_FALSE(hosted.called_within(milliseconds(0)));
}

TEST_F(AskingAService, WhoAsksForAPauseGetsIt) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  person.send(title("one"));
  {
    SecurePeer service = hosted.accept();
    asked(service);
    service.send(answer("{}", "Retry-After: 30\r\n", "429 Too Many Requests"));
  }
  model_answers(person);
  person.send(title("two"));
  model_answers(person);
  EXPECT_FALSE(hosted.called_within(milliseconds(0)));
}

TEST_F(AskingAService, AnAnswerThatDoesNotComeInTimeIsNone) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), R"(, "timeout": "200ms")"));
  Peer person = client();
  person.send(title());
  SecurePeer service = hosted.accept();
  asked(service);
  service.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\ndata: {\"cho");
  model_answers(person);
}

TEST_F(AskingAService, WhereNobodyElseIsLeftTheTaskIsAnsweredEmpty) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), "", R"(["hosted"])"));
  Peer person = client();
  person.send(title());
  hosted.accept_plainly().close();
  int status = 0;
  receive_answer(person, &status);
  EXPECT_EQ(200, status);
  EXPECT_FALSE(model.called_within(milliseconds(0)));
}

TEST_F(AskingAService, OnceTheBudgetIsSpentTheModelAnswers) {
  SecureServer hosted(authority_, {});
  // A title costs 100 * 0.5 + 10 * 5 millionths.
  start(with_service(hosted.url(),
                     R"(, "price": {"input": "0.5", "output": "5"}, "budget": {"per_day": "0.0002"})"));
  Peer person = client();
  person.send(title("one"));
  SecurePeer service = hosted.accept();
  for (const char* const next : {"two", ""}) {
    asked(service);
    service.send(completion());
    EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
    if (*next != '\0') person.send(title(next));
  }
  person.send(title("three"));
  model_answers(person);
}

TEST_F(AskingAService, ALocalServerOfAnotherDialectNeedsNoTls) {
  start(with_service(task.url()));
  Peer person = client();
  person.send(title());
  Peer service = task.accept();
  const std::string head = service.until("\r\n\r\n");
  EXPECT_TRUE(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\nHost: " + task.authority() + "\r\n"))
      << head;
  EXPECT_EQ(std::string::npos, head.find("Authorization"));
  service.receive(std::stoul(head.substr(head.find("Content-Length: ") + 16)));
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

TEST_F(AskingAService, AChatGoesToTheModelWhateverIsInTheRoute) {
  start(with_service(task.url(), R"(, "allow_off_host_chat": true)"));
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]);
  EXPECT_FALSE(task.called_within(milliseconds(0)));
}

TEST_F(AskingAService, AChatGoesThereWhereRuleAndUpstreamSaySo) {
  start(
      R"(, "upstreams": {"hosted": {"url": ")" + task.url() +
      R"(/v1", "model": "gpt-tiny", "dialect": "openai", "api_key_file": ")" + key_file() +
      R"(", "allow_off_host_chat": true}}, "rules": [{"name": "all", "when": {"class": "chat"}, "then": {"route": "hosted"}}])");
  Peer person = client();
  person.send(post("/v1/chat/completions",
                   R"({"model":"big","stream":true,"messages":[{"role":"user","content":"Good morning!"}]})",
                   "Authorization: Bearer theirs\r\nCookie: a=b\r\n"));
  Peer service = task.accept();
  const std::string head = service.until("\r\n\r\n");
  EXPECT_EQ(std::string::npos, head.find("theirs")) << head;
  EXPECT_EQ(std::string::npos, head.find("Cookie")) << head;
  EXPECT_NE(std::string::npos, head.find("Bearer " + key)) << head;
  EXPECT_EQ(
      "gpt-tiny",
      Json::parse(service.receive(std::stoul(head.substr(head.find("Content-Length: ") + 16))))["model"]);
  service.send(completion("Hello."));
  const std::string reply = person.until("[DONE]\n\n");
  EXPECT_NE(std::string::npos, reply.find(R"("model":"big")")) << reply;
  person.send(chat);  // of another dialect: the model's own
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]);
}

TEST_F(AskingAService, AKeyThatOthersCanReadIsRefused) {
  const std::string text =
      R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {"hosted": {"url": "https://a/v1",
      "model": "m", "api_key_file": ")" +
      key_file(0644) + "\"}}}";
  const Result<Config> config = parse_config(text, "test");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  const Result<Services> refused = Services::of(*config);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(std::string::npos, refused.error().text().find("everybody can read the key"))
      << refused.error().text();
  EXPECT_EQ(std::string::npos, refused.error().text().find(key));
}

}  // namespace
}  // namespace tasklane
