// Tasks that are asked as the next message of the chat that they quote, over sockets.
#include "relay/kept_chat_fixture.h"

namespace tasklane {
namespace {

class GraftingOnTheWire : public WithAKeptChat {
 protected:
  void SetUp() override { start_keeping("graft"); }
};

TEST_F(GraftingOnTheWire, ATitleGoesAsTheNextMessageOfItsChatWithoutItsThoughts) {
  chat_is_answered("<think>\nrice?\n</think>\n\nWith water.");
  tasks_->send(title());
  Peer server = model.accept();
  const Json asked = receive_request(server);
  ASSERT_EQ(3u, asked["messages"].size()) << asked;
  EXPECT_EQ(asked["messages"][0], Json({{"role", "user"}, {"content", "How do I cook rice?"}}));
  EXPECT_EQ(asked["messages"][1], Json({{"role", "assistant"}, {"content", "With water."}}));
  EXPECT_EQ(asked["messages"][2]["content"],
            title_words + "### Chat History:\n(the conversation above this message)");
  EXPECT_EQ(asked["options"]["num_predict"], 1000);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(*tasks_)));
}

TEST_F(GraftingOnTheWire, WhatIsNoTitleIsAskedAgainAsItCameAndTheClientSeesTheSecondAlone) {
  chat_is_answered();
  tasks_->send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, "You are welcome!");
  const Json asked = receive_request(server);  // on the same connection
  EXPECT_EQ(1u, asked["messages"].size()) << asked;
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(*tasks_)));
}

TEST_F(GraftingOnTheWire, AnotherPersonsTaskIsNeverAskedOnTopOfIt) {
  chat_is_answered();
  tasks_->send(title("How do I cook rice?", "X-OpenWebUI-User-Id: another\r\n"));
  Peer server = model.accept();
  EXPECT_EQ(1u, receive_request(server)["messages"].size());
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(*tasks_);
}

TEST_F(GraftingOnTheWire, AChatThatIsNotKeptTakesThePlaceOfTheOneThatIs) {
  chat_is_answered();
  person_->send(post("/v1/messages", R"({"model":"big","messages":[{"role":"user","content":"other"}]})"));
  Peer other = model.accept();
  receive_request(other);
  other.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  person_->until("{}");
  tasks_->send(title());
  EXPECT_EQ(1u, receive_request(other)["messages"].size());
  stream_answer(other, R"({"title": "Rice"})");
  receive_answer(*tasks_);
}

}  // namespace
}  // namespace tasklane
