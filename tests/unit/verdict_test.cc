// What is thought of an upstream's answer, and what is changed less the next time.
#include <gtest/gtest.h>

#include <string>

#include "shaper/dialect/thoughts.h"
#include "shaper/task/verdict.h"

namespace tasklane {
namespace {

constexpr Constraints all{};

AnswerAssembler assembled(const std::string& body, Dialect dialect = Dialect::openai_chat) {
  AnswerAssembler assembler(dialect);
  assembler.feed(body);
  assembler.finish();
  return assembler;
}

Verdict judged(const std::string& body, Dialect dialect = Dialect::openai_chat) {
  const AnswerAssembler assembler = assembled(body, dialect);
  return judge(
      {{true, true, false, 200, "application/json", {}}, assembler, RequestClass::title, true, true});
}

std::string message(const std::string& fields, const std::string& reason = "stop") {
  return R"({"choices":[{"index":0,"message":{)" + fields + R"(},"finish_reason":")" + reason + "\"}]}";
}

TEST(Verdict, AReadableTitleIsAnAnswerWhateverElseIsSaid) {
  for (const std::string& body : {message(R"("content":"{\"title\":\"Rice\"}")"),
                                  message(R"("content":"{\"title\":\"Rice\"}")", "length"),
                                  message(R"("content":"<think>so {or} so</think> {\"title\":\"Rice\"}")"),
                                  message(R"("content":"Here: {\"title\":\"Rice\"} as you asked")")}) {
    const Verdict verdict = judged(body);
    EXPECT_TRUE(verdict.answer && !verdict.trouble) << body;
  }
}

TEST(Verdict, WhatMayHaveBeenTheConstraintsFaultIsTold) {
  EXPECT_EQ(judged(message(R"("content":"")")).trouble, Trouble::empty);
  EXPECT_EQ(judged(message(R"("content":null,"reasoning":"hm")")).trouble, Trouble::empty);
  EXPECT_EQ(judged(message(R"("content":"<think>hm")", "length")).trouble, Trouble::cut);
  EXPECT_EQ(judged(message(R"("content":"{\"title\":\"Ri")", "length")).trouble, Trouble::cut);
  EXPECT_EQ(judged(message(R"("content":"Rice")")).trouble, Trouble::unreadable);
  EXPECT_EQ(judged(R"({"error":{"message":"no"}})").trouble, Trouble::refused);
  EXPECT_EQ(judged("Internal error").trouble, Trouble::empty);
  EXPECT_EQ(judged("{\"error\":\"no\"}\n", Dialect::ollama_chat).trouble, Trouble::refused);
}

TEST(Verdict, JsonThatAServerPutsAmongTheThoughtsIsFoundThere) {
  const Verdict found = judged(message(R"("content":"","reasoning_content":"{a} {\"title\":\"Rice\"} ")"));
  ASSERT_TRUE(found.answer && !found.trouble);
  EXPECT_EQ(found.answer->content, R"({"title":"Rice"})");
  EXPECT_EQ(found.answer->thinking, "");
  const Verdict ollama = judged(
      R"({"message":{"content":"","thinking":"{\"title\":\"Rice\"}"},"done":true,"done_reason":"stop"})"
      "\n",
      Dialect::ollama_chat);
  ASSERT_TRUE(ollama.answer);
  EXPECT_EQ(ollama.answer->content, R"({"title":"Rice"})");
}

TEST(Verdict, NoErrorIsOneThatSaysNothing) {
  for (const std::string fields : {R"("code":0,"message":"ok",)", R"("error":"",)", R"("error":null,)",
                                   R"("message":"done","code":200,)", R"("error":{},)"}) {
    const std::string body = "{" + fields + message(R"("content":"{\"title\":\"Rice\"}")").substr(1);
    EXPECT_FALSE(judged(body).trouble) << body;
  }
}

TEST(Verdict, WhatIsLeftOutNextIsWhatServersRefuseMost) {
  EXPECT_EQ(fewer(all, all, Trouble::refused), (Constraints{false, true, true, true}));
  EXPECT_EQ(fewer(all, {false, true, true}, Trouble::refused), (Constraints{false, false, false, true}));
  EXPECT_EQ(fewer(all, no_constraints, Trouble::refused), (Constraints{true, true, true, false}));
  EXPECT_EQ(fewer(all, all, Trouble::cut), (Constraints{true, false, true, true}));
  EXPECT_EQ(fewer(all, all, Trouble::empty), (Constraints{false, true, true, true}));
}

TEST(Thoughts, WhatStandsBehindThemIsTheAnswer) {
  EXPECT_EQ(behind_thoughts("<think>a</think>b"), "b");
  EXPECT_EQ(behind_thoughts(" \n<thinking>a</thinking>b"), "b");
  EXPECT_EQ(behind_thoughts("a</think>b"), "b") << "the template wrote the opening tag";
  EXPECT_EQ(behind_thoughts("<think>a"), "");
  EXPECT_EQ(behind_thoughts("a <think> b"), "a <think> b");
}

}  // namespace
}  // namespace tasklane
