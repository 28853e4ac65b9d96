// What is seen of exchanges: class, times, tokens, what chats waited for, what became of the prompt cache.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/talk.h"

namespace tasklane::observe {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

std::string title_request() {
  return post(
      "/api/chat",
      R"({"model":"m","stream":false,"messages":[{"role":"user","content":"### Task:\nGenerate a title.\n)"
      R"(### Output:\nJSON format: { \"title\": \"your concise title here\" }\n### Chat History:\n)"
      R"(<chat_history>\nUSER: how do tides come about\n</chat_history>"}]})");
}

std::string plain_answer(std::string_view type, std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

ObservedRequest exchange(const std::string& path, const std::string& body, const std::string& answer) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, post(path, body));
  packets += talk.server(50, answer);
  return Watched(packets).only();
}

TEST(Observer, TellsAChatAndItsTaskApart) {
  Talk chat, title("10.77.0.1", 40001);
  Packets packets = chat.opening(0);
  packets += title.opening(0);
  packets += chat.client(1, chat_request());
  packets += chat.server(100, whole_answer());
  packets += title.client(200, title_request());
  packets +=
      title.server(900, plain_answer("application/json", R"({"message":{"content":"{}"},"done":true})"));
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(2));
  EXPECT_EQ(seen.requests()[0].request_class(), RequestClass::chat);
  EXPECT_EQ(seen.requests()[1].request_class(), RequestClass::title);
  EXPECT_EQ(seen.observation.observer().classes()[RequestClass::title].answered, 1u);
}

TEST(Observer, TellsWhichMessagesATaskQuotes) {
  const TextHasher hasher(1, 2);
  const std::string prompt =
      "Look:\nUSER: an example\n<chat_history>\nUSER: first\nof two lines\nASSISTANT: said\n\nUSER: \n"
      "</chat_history>\nUSER: behind";
  const std::vector<QuotedLine> lines = quoted_lines(hasher, prompt);
  std::vector<std::string> said;
  for (const QuotedLine& line : lines) {
    const std::string_view whole = std::string_view(prompt).substr(line.at, end_of(line) - line.at);
    EXPECT_TRUE(whole.starts_with(label_of(line)));
    said.emplace_back(whole.substr(label_of(line).size()));
    EXPECT_EQ(line.hash, hasher.hash(said.back()));
  }
  EXPECT_THAT(said, ElementsAre("first\nof two lines", "said\n", ""));
  EXPECT_TRUE(lines[0].by_person && !lines[1].by_person && lines[2].by_person);
  EXPECT_THAT(quoted_lines(hasher, "USER: in no history"), SizeIs(0));
  EXPECT_THAT(quoted_lines(hasher, "<chat_history>\nnobody speaks\n</chat_history>"), SizeIs(0));
}

TEST(Observer, ReadsFiguresOfEveryDialectStreamedOrNot) {
  const std::string sse = "text/event-stream";
  struct Case {
    const char* path;
    std::string answer;
  };
  const std::vector<Case> cases{
      {"/api/chat",
       plain_answer("application/json",
                    R"({"message":{"content":"a"},"done":true,"prompt_eval_count":7,"eval_count":5})")},
      {"/api/generate", plain_answer("application/x-ndjson",
                                     "{\"response\":\"a\",\"done\":false}\n{\"response\":\"\",\"done\":true,"
                                     "\"prompt_eval_count\":7,\"eval_count\":5}\n")},
      {"/v1/chat/completions",
       plain_answer(
           "application/json",
           R"({"choices":[{"index":0,"message":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":5}})")},
      {"/v1/chat/completions",
       plain_answer(
           sse,
           "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: "
           "{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n")},
      {"/v1/completions", plain_answer(sse,
                                       "data: {\"choices\":[{\"index\":0,\"text\":\"a\"}]}\n\ndata: "
                                       "{\"choices\":[],\"timings\":{\"cache_n\":3,\"prompt_n\":4,"
                                       "\"predicted_n\":5}}\n\ndata: [DONE]\n\n")},
      {"/v1/responses",
       plain_answer("application/json", R"({"output":[],"usage":{"input_tokens":7,"output_tokens":5}})")},
      {"/v1/responses", plain_answer(sse,
                                     "event: response.output_text.delta\ndata: "
                                     "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\ndata: "
                                     "{\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_"
                                     "tokens\":7,\"output_tokens\":5}}}\n\n")},
      {"/v1/messages",
       plain_answer(
           "application/json",
           R"({"content":[],"usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}})")},
      {"/v1/messages",
       plain_answer(
           sse,
           "data: "
           "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}"
           "\n\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a\"}}\n\ndata: "
           "{\"type\":\"message_delta\",\"usage\":{\"output_tokens\":5}}\n\n")},
  };
  for (const Case& each : cases) {
    const ObservedRequest seen = exchange(
        each.path, R"({"model":"m","prompt":"a","input":"a","messages":[{"role":"user","content":"a"}]})",
        each.answer);
    EXPECT_EQ(seen.figures.prompt_tokens, 7u) << each.path << each.answer;
    EXPECT_EQ(seen.figures.generated_tokens, 5u) << each.path << each.answer;
    EXPECT_TRUE(seen.first_token) << each.path << each.answer;
    EXPECT_TRUE(seen.answered());
  }
}

TEST(Observer, AFirstTokenIsText) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets +=
      talk.client(0, post("/v1/chat/completions",
                          R"({"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]})"));
  packets += talk.server(10, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  packets += talk.server(
      20, "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null}}]}\n\n");
  packets += talk.server(500, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word\"}}]}\n\n");
  packets += talk.fin(1, 600);
  const Watched seen(packets);
  EXPECT_EQ(seen.only().first_byte, at_ms(20));
  EXPECT_EQ(seen.only().first_token, at_ms(500));
  EXPECT_EQ(seen.only().how, Ending::whole);
}

TEST(Observer, AnErrorIsNoAnswer) {
  const ObservedRequest status =
      exchange("/api/chat", R"({"model":"m","messages":[{"role":"user","content":"a"}]})",
               "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_TRUE(status.failed);
  const ObservedRequest in_stream =
      exchange("/api/chat", R"({"model":"m","messages":[{"role":"user","content":"a"}]})",
               plain_answer("application/x-ndjson", "{\"error\":\"gone\"}\n"));
  EXPECT_TRUE(in_stream.failed);
}

// The title runs from 0 to 800 ms; the chat comes at 100 and has its first token at 1000.
TEST(Observer, TellsHowLongAChatWaitedBehindWhichTask) {
  Talk chat, title("10.77.0.1", 40001);
  Packets packets = title.opening(0);
  packets += title.client(0, title_request());
  packets += chat.opening(50);
  packets += chat.client(100, chat_request());
  packets +=
      title.server(800, plain_answer("application/json", R"({"message":{"content":"{}"},"done":true})"));
  packets += chat.server(1000, whole_answer());
  const Watched seen(packets);
  const Waits& waits = seen.requests()[1].waits;
  ASSERT_THAT(waits.tasks, SizeIs(1));
  EXPECT_EQ(waits.tasks[0].request_class, RequestClass::title);
  EXPECT_EQ(waits.behind_tasks, std::chrono::milliseconds(700));
  EXPECT_EQ(seen.observation.observer().chats_that_waited(), 1u);
}

std::string turn(const std::vector<std::string>& messages, const std::string& system = "be brief") {
  std::string body =
      R"({"model":"m","stream":true,"messages":[{"role":"system","content":")" + system + "\"}";
  for (std::size_t i = 0; i < messages.size(); ++i)
    body += std::string(R"(,{"role":")") + (i % 2 == 0 ? "user" : "assistant") + R"(","content":")" +
            messages[i] + "\"}";
  return post("/v1/chat/completions", body + "]}");
}
std::string answer_with(int cached, int computed) {
  return plain_answer("text/event-stream",
                      "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\ndata: "
                      "{\"choices\":[],\"timings\":{\"cache_n\":" +
                          std::to_string(cached) + ",\"prompt_n\":" + std::to_string(computed) +
                          ",\"predicted_n\":5}}\n\ndata: [DONE]\n\n");
}

TEST(PrefixDoctor, NamesTheMessageThatChangedFirst) {
  const std::string first(2000, 'a'), answer(2000, 'b');
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, turn({first}, "it is 12:00"));
  packets += talk.server(100, answer_with(0, 500));
  packets += talk.client(1000, turn({first, answer, "and then"}, "it is 12:01"));
  packets += talk.server(1100, answer_with(5, 1000));
  const Watched seen(packets);
  const PrefixFinding& finding = *seen.requests()[1].prefix;
  EXPECT_EQ(finding.earlier, seen.requests()[0].id);
  EXPECT_EQ(finding.changed, PartRole::system);
  EXPECT_LT(finding.could_reuse, 0.1);
  EXPECT_FALSE(finding.fell_out);
}

TEST(PrefixDoctor, TellsWhatFellOutOfTheCacheAndWhatCameBetween) {
  const std::string first(2000, 'a'), answer(200, 'b');
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, turn({first}));
  packets += talk.server(100, answer_with(0, 500));
  packets += talk.client(
      500,
      post(
          "/v1/chat/completions",
          R"({"model":"m","messages":[{"role":"user","content":"something else entirely"}],"max_tokens":3})"));
  packets += talk.server(600, answer_with(0, 20));
  packets += talk.client(1000, turn({first, answer, "and then"}));
  packets += talk.server(1100, answer_with(5, 600));
  const Watched seen(packets);
  const PrefixFinding& finding = *seen.requests()[2].prefix;
  EXPECT_FALSE(finding.changed);
  EXPECT_GT(finding.could_reuse, 0.8);
  EXPECT_LT(*finding.reused, 0.1);
  EXPECT_TRUE(finding.fell_out);
  EXPECT_THAT(finding.between, ElementsAre(RequestClass::chat));
}

}  // namespace
}  // namespace tasklane::observe
