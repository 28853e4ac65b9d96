// Servers of which nobody says what they speak, and connections that are opened before they are needed.
#include "relay/service_fixture.h"

namespace tasklane {
namespace {

class AskedWhatTheySpeak : public AskingAService {
 protected:
  // An upstream without a dialect and with a url that tells none.
  void start_untold(const std::string& url) {
    start(with_hosted(R"("url": ")" + url + R"(", "model": "gpt-tiny")" + trusted(url)));
  }
  // Once it holds it is not tried again, for each try is a request.
  template <class F>
  static void try_until(const F& holds) {
    for (int i = 0; i < 100; ++i)
      if (holds()) return;
    ADD_FAILURE() << "it never does";
  }
  template <class Server>
  void answer_question(Server& server, const std::string& path, const std::string& reply) {
    auto peer = server.accept();
    const std::string head = peer.until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("GET " + path + " HTTP/1.1\r\n")) << head;
    peer.send(reply);
    EXPECT_EQ("", peer.receive(1)) << "it is closed";
  }
  template <class Server>
  bool model_is_called_before(Server& other) {
    for (int i = 0; i < 500; ++i) {
      if (model.called_within(milliseconds(5))) return true;
      if (other.called_within(milliseconds(5))) return false;
    }
    ADD_FAILURE() << "nobody is called";
    return true;
  }
  static std::string not_found() { return answer("{}", "", "404 Not Found"); }
};

TEST_F(AskedWhatTheySpeak, UntilItIsKnownTheNextServesAndThenTheServerDoes) {
  SecureServer hosted(authority_, {});
  start_untold(hosted.url());
  ask_for_dialects();
  Peer person = client();
  person.send(title("one"));
  model_answers(person);
  answer_question(hosted, "/api/version", not_found());
  try_until([&] {
    person.send(title("again"));
    if (model_is_called_before(hosted)) return model_answers(person), false;
    SecurePeer service = hosted.accept();
    const Asked request = asked(service);
    EXPECT_TRUE(request.head.starts_with("POST /chat/completions ")) << request.head;
    service.send(completion());
    return hosted_title == content_of(receive_answer(person));
  });
}

TEST_F(AskedWhatTheySpeak, AnOllamaBehindTlsIsAskedInItsOwnDialect) {
  SecureServer hosted(authority_, {});
  start_untold(hosted.url());
  ask_for_dialects();
  answer_question(hosted, "/api/version", answer(R"({"version": "0.32.15"})"));
  Peer person = client();
  try_until([&] {
    person.send(title("again"));
    if (model_is_called_before(hosted)) return model_answers(person), false;
    SecurePeer service = hosted.accept();
    const Asked request = asked(service);
    EXPECT_TRUE(request.head.starts_with("POST /api/chat ")) << request.head;
    return true;
  });
}

TEST_F(AskedWhatTheySpeak, AServerThatIsIllTellsNothing) {
  SecureServer hosted(authority_, {});
  start_untold(hosted.url());
  ask_for_dialects();
  answer_question(hosted, "/api/version", answer("{}", "", "503 Busy"));
  Peer person = client();
  for (const char* const each : {"one", "two"}) {
    person.send(title(each));
    model_answers(person);
  }
  EXPECT_FALSE(hosted.called_within(milliseconds(0))) << "nor is it asked with each request";
}

TEST_F(AskedWhatTheySpeak, OneInClearThatKnowsOpenAisDialectAloneIsAskedInThat) {
  start_untold(task.url());
  ask_for_dialects();
  answer_question(task, "/api/version", not_found());
  answer_question(task, "/v1/models", answer(R"({"object": "list", "data": []})"));
  Peer person = client();
  try_until([&] {
    person.send(title("again"));
    Peer service = task.accept();
    const std::string head = service.until("\r\n\r\n");
    service.receive(std::stoul(head.substr(head.find("Content-Length: ") + 16)));
    const bool translated = head.starts_with("POST /v1/chat/completions ");
    if (translated)
      service.send(completion());
    else
      stream_answer(service, hosted_title);
    return hosted_title == content_of(receive_answer(person)) && translated;
  });
}

TEST_F(AskedWhatTheySpeak, OneInClearThatSaysNothingIsAskedInItsClientsDialectAsEver) {
  start_untold(task.url());
  ask_for_dialects();
  answer_question(task, "/api/version", not_found());
  answer_question(task, "/v1/models", not_found());
  Peer person = client();
  person.send(title());
  Peer service = task.accept();
  EXPECT_TRUE(service.until("\r\n\r\n").starts_with("POST /api/chat "));
}

TEST_F(AskedWhatTheySpeak, WhatItSaysIsNotBelievedBeyondItsForm) {
  SecureServer hosted(authority_, {});
  start_untold(hosted.url());
  ask_for_dialects();
  answer_question(hosted, "/api/version", answer(R"(["version"])"));  // taken for OpenAI's, and then fails
  Peer person = client();
  try_until([&] {
    person.send(title("again"));
    if (model_is_called_before(hosted)) return model_answers(person), false;
    SecurePeer service = hosted.accept();
    EXPECT_TRUE(asked(service).head.starts_with("POST /chat/completions "));
    service.send(not_found());
    return true;
  });
  model_answers(person);
}

class OpenedBefore : public AskingAService {
 protected:
  // The model answers somebody's chat, for which tasks are held.
  Peer chat_begins(Peer& person) {
    person.send(chat);
    Peer server = model.accept();
    receive_request(server);
    return server;
  }
};

TEST_F(OpenedBefore, ATaskThatIsHeldFindsItsConnectionOpen) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer reader = client();
  Peer chatting = chat_begins(reader);
  Peer person = client();
  person.send(title());
  SecurePeer service = hosted.accept();
  ASSERT_TRUE(service.open()) << "the handshake is over while the chat runs";
  Peer other = client();
  other.send(title("Another question"));
  EXPECT_FALSE(hosted.called_within(milliseconds(100))) << "one is enough";
  stream_answer(chatting, "Rinse it first.");
  EXPECT_EQ("gpt-tiny", asked(service).body["model"]);
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

TEST_F(OpenedBefore, ATaskWhoseTurnComesWhileItIsOpenedWaitsForThat) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url(), "", R"(["hosted", "model"], "settle": "20ms")"));
  Peer person = client();
  person.send(title());
  ASSERT_TRUE(hosted.called_within(milliseconds(2000)));
  std::this_thread::sleep_for(milliseconds(60));  // its turn has come
  SecurePeer service = hosted.accept();
  EXPECT_EQ("gpt-tiny", asked(service).body["model"]);
  EXPECT_FALSE(hosted.called_within(milliseconds(0))) << "a second one";
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

TEST_F(OpenedBefore, NothingIsOpenedToWhatIsDown) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer person = client();
  for (const char* const each : {"one", "two", "three"}) {
    person.send(title(each));
    hosted.accept_plainly().close();
    model_answers(person);
  }
  Peer reader = client();
  Peer chatting = chat_begins(reader);
  person.send(title("four"));
  EXPECT_FALSE(hosted.called_within(milliseconds(100)));
}

TEST_F(OpenedBefore, WhereTheHandshakeFailsTheTaskGoesItsWay) {
  SecureServer hosted(authority_, {});
  start(with_service(hosted.url()));
  Peer reader = client();
  Peer chatting = chat_begins(reader);
  Peer person = client();
  person.send(title());
  hosted.accept_plainly().close();
  stream_answer(chatting, "Rinse it first.");
  SecurePeer service = hosted.accept();
  asked(service);
  service.send(completion());
  EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
}

}  // namespace
}  // namespace tasklane
