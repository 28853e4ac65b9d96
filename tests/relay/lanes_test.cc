// Tasks in their lanes, on real sockets: what the model server is asked and when, and what each client gets.
#include <nlohmann/json.hpp>

#include "relay/relay_fixture.h"

namespace tasklane {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

const std::string chat =
    post("/api/chat",
         R"({"model":"big","stream":true,"messages":[{"role":"user","content":"How do I cook rice?"}]})");

class LanesOnTheWire : public RelayTest {
 protected:
  void start_with(const std::string& then,
                  const std::string& classes = R"(["title", "tags", "follow_up", "autocomplete"])") {
    start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "task": {"url": ")" +
          task.url() + R"(", "model": "small"}}, "rules": [{"name": "tasks", "when": {"class": )" + classes +
          R"(}, "then": )" + then + "}]");
  }

  // As Open WebUI 0.12 asks for a title.
  static std::string title(const std::string& user = "How do I cook rice?") {
    const Json body{
        {"model", "big"},
        {"messages",
         {{{"role", "user"},
           {"content",
            "### Task:\nGenerate a concise title summarizing the chat history.\n### Output:\nJSON format: { "
            "\"title\": \"your concise title here\" }\n### Chat History:\n<chat_history>\nUSER: " +
                user + "\nASSISTANT: \n</chat_history>"}}}},
        {"options", {{"num_predict", 1000}}},
        {"stream", false}};
    return post("/api/chat", body.dump());
  }
  static std::string typing(const std::string& text) {
    const Json body{
        {"model", "big"},
        {"messages",
         {{{"role", "user"},
           {"content",
            "### Task:\nYou are an autocompletion system. Continue the text in `<text>` based on the "
            "**completion type** in `<type>`.\n### Output\nJSON: { \"text\": \"<your_completion>\" }\n"
            "### Context:\n<chat_history>\n\n</chat_history>\n<type>general</type>  \n<text>" +
                text + "</text>  \n#### Output:\n"}}}},
        {"stream", false}};
    return post("/api/chat", body.dump());
  }

  static Json receive_request(Peer& server) {
    const std::string head = server.until("\r\n\r\n");
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return "nothing came";
    return Json::parse(server.receive(std::stoul(head.substr(at + 16))));
  }
  // A whole answer of Ollama, as a stream of two pieces.
  static void stream_answer(Peer& server, const std::string& content, const std::string& model = "big") {
    const std::string first =
        Json{{"model", model}, {"message", {{"role", "assistant"}, {"content", content}}}, {"done", false}}
            .dump() +
        "\n";
    const std::string last = Json{{"model", model},
                                  {"message", {{"role", "assistant"}, {"content", ""}}},
                                  {"done", true},
                                  {"done_reason", "stop"},
                                  {"eval_count", 7}}
                                 .dump() +
                             "\n";
    std::string wire =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const std::string& piece : {first, last}) {
      char size[20];
      std::snprintf(size, sizeof(size), "%zx\r\n", piece.size());
      wire += size + piece + "\r\n";
    }
    server.send(wire + "0\r\n\r\n");
  }
  static Json receive_answer(Peer& client, int* status = nullptr) {
    const std::string head = client.until("\r\n\r\n");
    if (status != nullptr) *status = head.size() > 12 ? std::stoi(head.substr(9, 3)) : 0;
    const auto at = head.find("Content-Length: ");
    if (at == std::string::npos) return "nothing came: " + head;
    return Json::parse(client.receive(std::stoul(head.substr(at + 16))));
  }
  static std::string content_of(const Json& answer) {
    return answer.is_object() && answer.contains("message") ? answer["message"].value("content", "")
                                                            : answer.dump();
  }
};

TEST_F(LanesOnTheWire, ATitleIsAskedAsAStreamAndAnsweredAsItsClientAsked) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  EXPECT_EQ(true, receive_request(server)["stream"]);
  stream_answer(server, R"({"title": "Rice"})");
  const Json answer = receive_answer(person);
  EXPECT_EQ(R"({"title": "Rice"})", content_of(answer));
  EXPECT_EQ("big", answer["model"]);
  EXPECT_EQ(true, answer["done"]);
  EXPECT_EQ(7, answer["eval_count"]);
}

TEST_F(LanesOnTheWire, ATitleJustBeforeItsChatWaitsUntilTheChatHasBeenAnswered) {
  start_with(R"({"lane": "background", "settle": "300ms", "quiet": "50ms"})");
  Peer tasks = client();
  Peer person = client();
  tasks.send(title());
  std::this_thread::sleep_for(milliseconds(20));
  person.send(chat);
  Peer server = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(server)["messages"][0]["content"])
      << "the chat does not come first";
  EXPECT_FALSE(model.called_within(milliseconds(400))) << "the title did not wait for the chat's end";
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  receive_request(server);  // over the kept connection
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, AChatCancelsARunningTitleWhichIsAskedAgainUnseen) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "20ms"})");
  Peer tasks = client();
  tasks.send(title());
  Peer first = model.accept();
  receive_request(first);
  Peer person = client();
  person.send(chat);
  EXPECT_TRUE(first.sees_close()) << "the title still holds the slot";
  Peer second = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(second)["messages"][0]["content"]);
  second.send(answer("{}"));
  person.receive(answer("{}").size());
  EXPECT_EQ(true, receive_request(second)["stream"]);
  stream_answer(second, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, ATaskThatIsNotToBeCancelledRunsOnBesideTheChat) {
  start_with(R"({"lane": "background", "settle": "0s", "preempt": false})");
  Peer tasks = client();
  tasks.send(title());
  Peer first = model.accept();
  receive_request(first);
  Peer person = client();
  person.send(chat);
  Peer second = model.accept();
  receive_request(second);
  stream_answer(first, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, NobodyWaitsPastTheLongestWait) {
  start_with(R"({"lane": "background", "settle": "0s", "max_wait": "100ms"})");
  Peer person = client();
  person.send(chat);
  Peer busy = model.accept();
  receive_request(busy);
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, AHeldTitleWhoseClientLeavesNeverReachesTheModel) {
  start_with(R"({"lane": "background", "settle": "200ms"})");
  Peer tasks = client();
  tasks.send(title());
  std::this_thread::sleep_for(milliseconds(50));
  tasks.close();
  EXPECT_FALSE(model.called_within(milliseconds(400)));
}

TEST_F(LanesOnTheWire, TheNewestTextOfATypistReplacesTheOlder) {
  start_with(R"({"lane": "keystroke", "settle": "0s"})");
  Peer one = client();
  one.send(typing("How do"));
  Peer first = model.accept();
  receive_request(first);
  Peer two = client();
  two.send(typing("How does it"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(one)))
      << "the older request is answered empty at once";
  EXPECT_TRUE(first.sees_close());
  Peer second = model.accept();
  receive_request(second);
  stream_answer(second, R"({"text": " work"})");
  EXPECT_EQ(R"({"text": " work"})", content_of(receive_answer(two)));
}

TEST_F(LanesOnTheWire, TypingAlongASuggestionNeedsNoModel) {
  start_with(R"({"lane": "keystroke"})");
  Peer one = client();
  one.send(typing("How do I"));
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"text": " cook rice"})");
  EXPECT_EQ(R"({"text": " cook rice"})", content_of(receive_answer(one)));
  one.send(typing("How do I co"));
  EXPECT_EQ(Json::parse(R"({"text": "ok rice"})"), Json::parse(content_of(receive_answer(one))));
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(LanesOnTheWire, WhileAChatRunsASuggestionIsAnsweredEmptyAtOnce) {
  start_with(R"({"lane": "keystroke"})");
  Peer person = client();
  person.send(chat);
  Peer busy = model.accept();
  receive_request(busy);
  Peer typist = client();
  typist.send(typing("And"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(typist)));
}

TEST_F(LanesOnTheWire, ASuggestionThatComesTooLateIsEmptyAndItsModelIsFree) {
  start_with(R"({"lane": "keystroke", "deadline": "100ms"})");
  Peer typist = client();
  typist.send(typing("And"));
  Peer server = model.accept();
  receive_request(server);
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(typist)));
  EXPECT_TRUE(server.sees_close());
}

TEST_F(LanesOnTheWire, IdenticalRequestsShareOneAnswerEvenWhenTheFirstAskerLeaves) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer one = client();
  one.send(title());
  Peer server = model.accept();
  receive_request(server);
  Peer two = client();
  two.send(title());
  EXPECT_FALSE(model.called_within(milliseconds(50)));
  one.close();
  std::this_thread::sleep_for(milliseconds(20));
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(two)));
}

TEST_F(LanesOnTheWire, AnAutomationThatIsOffIsAnsweredWithoutAModel) {
  start_with(R"({"answer": true})");
  Peer tasks = client();
  tasks.send(typing("And"));
  EXPECT_EQ(R"({"text":""})", content_of(receive_answer(tasks)));
  tasks.send(title());
  EXPECT_NE("", Json::parse(content_of(receive_answer(tasks)))["title"])
      << "an empty title would replace a real one";
  EXPECT_FALSE(model.called_within(milliseconds(50)));
}

TEST_F(LanesOnTheWire, ATaskCarriesTheSchemaOfItsAnswerUnlessTheServerRefusesIt) {
  start_with(R"({"lane": "background", "settle": "0s", "constrain": true})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  EXPECT_TRUE(receive_request(server)["format"].is_object());
  server.send(answer(R"({"error":"invalid format"})", "", "400 Bad Request"));
  const Json again = receive_request(server);
  EXPECT_FALSE(again.contains("format"));
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
  tasks.send(title("And pasta?"));
  EXPECT_FALSE(receive_request(server).contains("format")) << "the refusal was forgotten";
}

TEST_F(LanesOnTheWire, ATaskKeepsTheLoadOptionsOfItsChat) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "0s", "align": true})");
  Peer person = client();
  person.send(post(
      "/api/chat",
      R"({"model":"big","stream":true,"options":{"num_ctx":8192},"messages":[{"role":"user","content":"Hello you"}]})"));
  Peer server = model.accept();
  receive_request(server);
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  Peer tasks = client();
  tasks.send(title());
  const Json request = receive_request(server);
  EXPECT_EQ(8192, request["options"]["num_ctx"]);
  EXPECT_EQ(1000, request["options"]["num_predict"]);
}

TEST_F(LanesOnTheWire, PastTheRateARequestIsRejectedInItsDialect) {
  start_with(
      R"({"lane": "background", "settle": "0s", "rate": {"per": "client", "limit": "1/h", "over": "reject"}})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  receive_answer(tasks);
  tasks.send(title("And pasta?"));
  int status = 0;
  EXPECT_TRUE(receive_answer(tasks, &status).contains("error"));
  EXPECT_EQ(429, status);
}

TEST_F(LanesOnTheWire, ATaskServerThatIsDownHandsOverToTheModel) {
  start_with(R"({"route": ["task", "model"], "lane": "background", "settle": "0s"})");
  task.stop();
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  EXPECT_EQ("big", receive_request(server)["model"]);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, TheTaskModelAnswersInTheClientsName) {
  start_with(R"({"route": ["task", "model"], "lane": "background", "settle": "0s"})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = task.accept();
  EXPECT_EQ("small", receive_request(server)["model"]);
  stream_answer(server, R"({"title": "Rice"})", "small");
  EXPECT_EQ("big", receive_answer(tasks)["model"]);
}

TEST_F(LanesOnTheWire, AnErrorOfTheLastServerIsPassedOn) {
  start_with(R"({"lane": "background", "settle": "0s"})");
  Peer tasks = client();
  tasks.send(title());
  Peer server = model.accept();
  receive_request(server);
  server.send(answer(R"({"error":"model 'big' not found"})", "", "404 Not Found"));
  int status = 0;
  EXPECT_EQ("model 'big' not found", receive_answer(tasks, &status)["error"]);
  EXPECT_EQ(404, status);
}

// A template that no pack knows, and a chat that shows what it is.
const std::string long_question = "Which evergreen ground covers grow in dry shade under old beech trees?";

std::string asked_of_model(const std::string& content, bool stream) {
  return post(
      "/api/chat",
      Json{{"model", "big"}, {"messages", {{{"role", "user"}, {"content", content}}}}, {"stream", stream}}
          .dump());
}

const std::string custom_title = asked_of_model(
    "Gib dem Gespraech einen Namen, als {\"title\": \"...\"}.\nUSER: " + long_question + "\nASSISTANT: ",
    false);

TEST_F(LanesOnTheWire, ATitleOfACustomTemplateJustBeforeItsChatWaitsAsATask) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "50ms"})");
  Peer tasks = client();
  Peer person = client();
  tasks.send(custom_title);
  std::this_thread::sleep_for(milliseconds(20));
  person.send(asked_of_model(long_question, true));
  Peer server = model.accept();
  EXPECT_EQ(long_question, receive_request(server)["messages"][0]["content"])
      << "the chat does not come first";
  EXPECT_FALSE(model.called_within(milliseconds(500)));
  server.send(answer("{}"));
  person.receive(answer("{}").size());
  EXPECT_EQ(true, receive_request(server)["stream"]) << "asked as a task";
  stream_answer(server, R"({"title": "Beeches"})");
  EXPECT_EQ(R"({"title": "Beeches"})", content_of(receive_answer(tasks)));
  EXPECT_EQ(1u, counters().gave_way);
  EXPECT_EQ(1u, row(RequestClass::title, "model").answered);
  EXPECT_EQ(1u, row(RequestClass::chat, "model").requests);
}

TEST_F(LanesOnTheWire, ATaskThatAlreadyRunsGivesWayOnceItsChatShowsIt) {
  start_with(R"({"lane": "background", "settle": "0s", "quiet": "20ms"})");
  Peer tasks = client();
  tasks.send(custom_title);
  Peer first = model.accept();
  EXPECT_EQ(false, receive_request(first)["stream"]) << "untouched while it may be a chat";
  Peer person = client();
  person.send(asked_of_model(long_question, true));
  EXPECT_TRUE(first.sees_close());
  Peer second = model.accept();
  EXPECT_EQ(long_question, receive_request(second)["messages"][0]["content"]);
  second.send(answer("{}"));
  person.receive(answer("{}").size());
  receive_request(second);
  stream_answer(second, R"({"title": "Beeches"})");
  EXPECT_EQ(R"({"title": "Beeches"})", content_of(receive_answer(tasks)));
}

TEST_F(LanesOnTheWire, AProgramsQuestionThatNoChatQuotesIsUntouched) {
  start_with(R"({"lane": "background"})");
  const std::string question = asked_of_model("Summarise: the beech is a tree.", false);
  Peer program = client();
  program.send(question);
  Peer server = model.accept();
  EXPECT_EQ(question, server.receive(question.size()));
  const std::string reply = answer(R"({"message":{"content":"A tree."}})");
  server.send(reply);
  EXPECT_EQ(reply, program.receive(reply.size()));
}

TEST_F(LanesOnTheWire, TheSameQuestionAgainIsAnsweredFromTheCache) {
  start_with(R"({"lane": "background", "settle": "0s", "cache": "1m"})");
  Peer person = client();
  person.send(title());
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Rice"})");
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(person)));
  person.send(title());
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(person)));
  EXPECT_EQ(1u, in_relay([&] { return lanes().admission().counters().at(Lane::background).cached; }));
  person.send(title("another question?"));
  receive_request(server);
}

class RewarmingOnTheWire : public LanesOnTheWire {
 protected:
  void SetUp() override {
    start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original", "rewarm": true}},
             "rules": [{"name": "tasks", "when": {"class": "title"},
                        "then": {"lane": "background", "settle": "0s", "quiet": "20ms"}}])");
    person_.emplace(client());
    tasks_.emplace(client());
  }
  // A chat, answered, and a title behind it.
  Peer after_a_chat_and_a_title() {
    person_->send(chat);
    Peer server = model.accept();
    receive_request(server);
    stream_answer(server, "With water.");
    person_->until("0\r\n\r\n");
    tasks_->send(title());
    receive_request(server);
    stream_answer(server, R"({"title": "Rice"})");
    receive_answer(*tasks_);
    return model.accept();
  }
  std::optional<Peer> person_;
  std::optional<Peer> tasks_;
};

TEST_F(RewarmingOnTheWire, TheChatsPromptAndAnswerAreAskedAgainBehindATask) {
  Peer again = after_a_chat_and_a_title();
  const Json asked = receive_request(again);
  ASSERT_EQ(2u, asked["messages"].size()) << asked;
  EXPECT_EQ("How do I cook rice?", asked["messages"][0]["content"]);
  EXPECT_EQ("With water.", asked["messages"][1]["content"]);
  EXPECT_EQ(1, asked["options"]["num_predict"]);
  EXPECT_EQ("big", asked["model"]);
  stream_answer(again, ".");
  EXPECT_TRUE(eventually(
      [&] { return in_relay([&] { return lanes().admission().rewarm_counters().finished; }) == 1u; }));
  EXPECT_FALSE(model.called_within(milliseconds(50))) << "once is enough";
}

TEST_F(RewarmingOnTheWire, TheVeryChatsNextTurnDoesNotCancelIt) {
  Peer again = after_a_chat_and_a_title();
  receive_request(again);
  person_->send(chat);
  Peer server = model.accept();
  EXPECT_EQ(true, receive_request(server)["stream"]) << "the chat itself never waits";
  stream_answer(again, ".");
  EXPECT_TRUE(eventually(
      [&] { return in_relay([&] { return lanes().admission().rewarm_counters().finished; }) == 1u; }));
}

TEST_F(RewarmingOnTheWire, ItGivesWayToAnotherChat) {
  Peer again = after_a_chat_and_a_title();
  receive_request(again);
  person_->send(asked_of_model(long_question, true));
  EXPECT_TRUE(again.sees_close());
  Peer server = model.accept();
  EXPECT_EQ(true, receive_request(server)["stream"]);
}

TEST_F(RewarmingOnTheWire, WithoutOtherWorkInBetweenNothingIsAskedAgain) {
  person_->send(chat);
  Peer server = model.accept();
  receive_request(server);
  stream_answer(server, "With water.");
  person_->until("0\r\n\r\n");
  EXPECT_FALSE(model.called_within(milliseconds(100)));
}

std::string with_server_field(std::string answer) {
  return answer.insert(answer.find("\r\n") + 2, "Server: llama.cpp\r\n");
}

TEST_F(LanesOnTheWire, ALlamaServersSlotsAreLearntAndUsedForTasks) {
  start_with(R"({"lane": "background", "settle": "0s", "hold": false, "preempt": false})");
  Peer person = client();
  person.send(chat);
  Peer server = model.accept();
  receive_request(server);
  const std::string reply = with_server_field(answer("{}"));
  server.send(reply);
  person.receive(reply.size());
  Peer probe = model.accept();
  EXPECT_NE(std::string::npos, probe.until("\r\n\r\n").find("GET /props "));
  probe.send(answer(R"({"total_slots": 2, "model_path": "m.gguf"})"));
  ASSERT_TRUE(eventually([&] {
    return in_relay([&] { return lanes().admission().slots(model.authority()); }) ==
           2u;
  }));
  Peer first = client();
  Peer second = client();
  first.send(title("one?"));
  second.send(title("two?"));
  receive_request(server);
  Peer beside = model.accept();
  EXPECT_EQ(true, receive_request(beside)["stream"]) << "two slots take two tasks";
}

}  // namespace
}  // namespace tasklane
