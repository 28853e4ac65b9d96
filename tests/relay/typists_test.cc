// Two people who type behind one Open WebUI, which sends all their requests from one address: in either
// dialect, with the header that names the person and without.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

struct Way {
  const char* name;
  bool openai;
  bool named;  // by a header
};

// What one person's Open WebUI sends.
struct Person {
  std::string name;
  std::string question;  // their chat's first message
  std::string answered;
};
const Person anna{"anna", long_question, "Ivy and ferns."};
const Person bea{"bea", "How can I repair a bicycle tyre without any special tools at home?", "Patch it."};

class TwoTypists : public LanesOnTheWire, public ::testing::WithParamInterface<Way> {
 protected:
  void start_typing(const std::string& settings = "", const std::string& task_model = "") {
    start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "task": {"url": ")" +
          task.url() +
          R"(", "model": "small", "own_compute": true}}, "rules": [{"name": "typing", "when": )" +
          R"({"class": "autocomplete"}, "then": {)" + task_model + R"("lane": "keystroke", "quiet": "0s")" +
          settings + "}}]");
  }
  static std::string by(const Person& who) {
    return GetParam().named ? "X-OpenWebUI-User-Id: " + who.name + "\r\n" : "";
  }
  static std::string asked(const Person& who, const Json& messages, bool stream) {
    // The order of keys tells Open WebUI's page from a request of its own making.
    const std::string model = R"("model":"big")";
    const std::string streamed = std::string(R"("stream":)") + (stream ? "true" : "false");
    const std::string rest = R"("messages":)" + messages.dump();
    const std::string body = stream ? "{" + streamed + "," + model + "," + rest + "}"
                                    : "{" + model + "," + rest + "," + streamed + "}";
    return post(GetParam().openai ? "/v1/chat/completions" : "/api/chat", body, by(who));
  }
  static std::string first_turn(const Person& who) {
    return asked(who, {{{"role", "user"}, {"content", who.question}}}, true);
  }
  static std::string next_turn(const Person& who, const std::string& said) {
    return asked(who,
                 {{{"role", "user"}, {"content", who.question}},
                  {{"role", "assistant"}, {"content", who.answered}},
                  {{"role", "user"}, {"content", said}}},
                 true);
  }
  static std::string types_after(const Person& who, const std::string& history, const std::string& text) {
    return asked(
        who,
        {{{"role", "user"},
          {"content",
           "### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the "
           "**completion type** in `<type>`.\n### Output\nJSON: { \"text\": \"<your_completion>\" }\n"
           "### Context:\n<chat_history>\n" +
               history + "\n</chat_history>\n<type>general</type>  \n<text>" + text +
               "</text>  \n#### Output:\n"}}},
        false);
  }
  static std::string types(const Person& who, const std::string& text) {
    return types_after(who, "USER: " + who.question + "\nASSISTANT: " + who.answered, text);
  }
  static std::string types_in_a_new_chat(const Person& who, const std::string& text) {
    return types_after(who, "", text);
  }
  // Both chats' first turns, over one connection to the model, which stays open.
  Peer serve_both_chats() {
    Peer page = client();
    page.send(first_turn(anna));
    Peer server = model.accept();
    for (const Person* next : {&bea, static_cast<const Person*>(nullptr)}) {
      receive_request(server);
      server.send(answer("{}"));
      page.receive(answer("{}").size());
      if (next != nullptr) page.send(first_turn(*next));
    }
    return server;
  }
  static void suggest(Peer& server, const std::string& text) {
    const std::string content = Json{{"text", text}}.dump();
    if (!GetParam().openai) return stream_answer(server, content);
    const Json piece{{"model", "big"}, {"choices", {{{"index", 0}, {"delta", {{"content", content}}}}}}};
    const Json last{{"model", "big"},
                    {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}};
    const std::string events = "data: " + piece.dump() + "\n\ndata: " + last.dump() + "\n\ndata: [DONE]\n\n";
    server.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
                std::to_string(events.size()) + "\r\n\r\n" + events);
  }
  static std::string suggestion(Peer& typist) {
    const Json answer = receive_answer(typist);
    const Json message = GetParam().openai && answer.contains("choices") ? answer["choices"][0] : answer;
    const Json content = Json::parse(content_of(message), nullptr, false);
    return content.is_object() ? content.value("text", "no text") : answer.dump();
  }
  static bool is_typed(const Json& request, const std::string& text) {
    const std::string prompt = request["messages"][0]["content"];
    return prompt.find("<text>" + text + "</text>") != std::string::npos;
  }
};

TEST_P(TwoTypists, GetASuggestionEach) {
  start_typing();
  Peer server = serve_both_chats();
  Peer one = client();
  Peer two = client();
  one.send(types(anna, "And what"));
  EXPECT_TRUE(is_typed(receive_request(server), "And what"));
  two.send(types(bea, "And what about"));
  EXPECT_TRUE(one.quiet_for(milliseconds(50))) << "the first was answered for the second's sake";
  suggest(server, " of moss?");
  EXPECT_EQ(" of moss?", suggestion(one));
  EXPECT_TRUE(is_typed(receive_request(server), "And what about"));
  suggest(server, " the rim?");
  EXPECT_EQ(" the rim?", suggestion(two));
}

TEST_P(TwoTypists, ReplaceTheirOwnRequestsAlone) {
  start_typing();
  Peer server = serve_both_chats();
  Peer one = client();
  Peer two = client();
  Peer again = client();
  one.send(types(anna, "And what"));
  receive_request(server);
  two.send(types(bea, "And what"));
  EXPECT_TRUE(two.quiet_for(milliseconds(50)));
  again.send(types(anna, "But is ivy"));
  EXPECT_EQ("", suggestion(one));
  EXPECT_TRUE(server.sees_close());
  Peer next = model.accept();
  EXPECT_TRUE(is_typed(receive_request(next), "And what"));
  suggest(next, " about the rim?");
  EXPECT_EQ(" about the rim?", suggestion(two));
  EXPECT_TRUE(is_typed(receive_request(next), "But is ivy"));
  suggest(next, " poisonous?");
  EXPECT_EQ(" poisonous?", suggestion(again));
}

TEST_P(TwoTypists, AreAnsweredFromTheirOwnSuggestionsAlone) {
  start_typing();
  Peer server = serve_both_chats();
  Peer one = client();
  Peer two = client();
  one.send(types(anna, "How do I"));
  receive_request(server);
  suggest(server, " cook rice");
  EXPECT_EQ(" cook rice", suggestion(one));
  two.send(types(bea, "How do I co"));
  EXPECT_TRUE(is_typed(receive_request(server), "How do I co"));
  suggest(server, "ver a tyre");
  EXPECT_EQ("ver a tyre", suggestion(two));
  one.send(types(anna, "How do I coo"));
  EXPECT_EQ("k rice", suggestion(one));
}

TEST_P(TwoTypists, WhoseChatsBeginAlikeAreStillTwo) {
  start_typing();
  Person hello = anna;
  Person other = bea;
  hello.question = other.question = "Hello";
  Peer one = client();
  Peer two = client();
  one.send(types(hello, "My name"));
  Peer server = model.accept();
  receive_request(server);
  suggest(server, " is Anna");
  EXPECT_EQ(" is Anna", suggestion(one));
  two.send(types(other, "My name i"));
  receive_request(server);
  suggest(server, "s Bea");
  EXPECT_EQ("s Bea", suggestion(two));
}

TEST_P(TwoTypists, InNewChatsGetASuggestionEach) {
  start_typing();
  Peer one = client();
  Peer two = client();
  one.send(types_in_a_new_chat(anna, "How do I cook"));
  Peer server = model.accept();
  receive_request(server);
  two.send(types_in_a_new_chat(bea, "How do I fix a"));
  EXPECT_TRUE(one.quiet_for(milliseconds(50))) << "the first was answered for the second's sake";
  suggest(server, " rice?");
  EXPECT_EQ(" rice?", suggestion(one));
  receive_request(server);
  suggest(server, " tyre?");
  EXPECT_EQ(" tyre?", suggestion(two));
}

TEST_P(TwoTypists, OnAServerOfItsOwnKeepTheirSuggestionWhenTheOthersChatArrives) {
  start_typing("", R"("route": ["task", "model"], )");
  Peer main_server = serve_both_chats();
  Peer one = client();
  one.send(types(anna, "And what"));
  Peer server = task.accept();
  receive_request(server);
  Peer page = client();
  page.send(next_turn(bea, "And what about the rim?"));
  receive_request(main_server);
  EXPECT_TRUE(server.quiet_for(milliseconds(50))) << "the other one's chat ended it";
  suggest(server, " of moss?");
  EXPECT_EQ(" of moss?", suggestion(one));
}

TEST_P(TwoTypists, OnAServerOfItsOwnLoseTheirSuggestionWhenTheirOwnChatArrives) {
  start_typing("", R"("route": ["task", "model"], )");
  Peer main_server = serve_both_chats();
  Peer one = client();
  Peer two = client();
  one.send(types(anna, "And what"));
  Peer server = task.accept();
  receive_request(server);
  two.send(types(bea, "And what"));
  EXPECT_TRUE(two.quiet_for(milliseconds(50)));
  Peer page = client();
  page.send(next_turn(anna, "And what about moss?"));
  receive_request(main_server);
  EXPECT_EQ("", suggestion(one));
  EXPECT_TRUE(server.sees_close());
  Peer next = task.accept();
  EXPECT_TRUE(is_typed(receive_request(next), "And what"));
  suggest(next, " about the rim?");
  EXPECT_EQ(" about the rim?", suggestion(two));
}

TEST_P(TwoTypists, InNewChatsLoseTheirSuggestionWhenTheirOwnFirstTurnArrives) {
  start_typing("", R"("route": ["task", "model"], )");
  Peer one = client();
  Peer two = client();
  one.send(types_in_a_new_chat(anna, "Which evergreen"));
  Peer server = task.accept();
  receive_request(server);
  two.send(types_in_a_new_chat(bea, "How can I"));
  EXPECT_TRUE(two.quiet_for(milliseconds(50)));
  Peer page = client();
  page.send(first_turn(anna));
  Peer main_server = model.accept();
  receive_request(main_server);
  EXPECT_EQ("", suggestion(one));
  EXPECT_TRUE(server.sees_close());
  Peer next = task.accept();
  EXPECT_TRUE(is_typed(receive_request(next), "How can I"));
  suggest(next, " fix it?");
  EXPECT_EQ(" fix it?", suggestion(two));
}

TEST_P(TwoTypists, HaveARateEachWhereAHeaderNamesThem) {
  start_typing(R"(, "rate": {"per": "client", "limit": "1/h", "over": "answer"})");
  Peer server = serve_both_chats();
  Peer one = client();
  Peer two = client();
  one.send(types(anna, "And what"));
  receive_request(server);
  suggest(server, " of moss?");
  EXPECT_EQ(" of moss?", suggestion(one));
  two.send(types(bea, "But"));
  if (GetParam().named) {
    receive_request(server);
    suggest(server, " how?");
  }
  EXPECT_EQ(GetParam().named ? " how?" : "", suggestion(two)) << "without a header the address is the client";
  one.send(types(anna, "Or"));
  EXPECT_EQ("", suggestion(one));
}

INSTANTIATE_TEST_SUITE_P(BehindOneAddress, TwoTypists,
                         ::testing::Values(Way{"OllamaUnnamed", false, false},
                                           Way{"OllamaNamed", false, true}, Way{"OpenAiUnnamed", true, false},
                                           Way{"OpenAiNamed", true, true}),
                         [](const auto& way) { return std::string(way.param.name); });

}  // namespace
}  // namespace tasklane
