// What a server sent for a chat becomes the words that the chat's next turn quotes.
#include "shaper/task/kept_answer.h"

#include <gtest/gtest.h>

#include <string>

namespace tasklane {
namespace {

TEST(KeptAnswer, HasTheWordsOfAStreamWithoutItsThoughts) {
  const KeptAnswer answer(
      R"({"message":{"content":"<think>hm</think>\nBread "},"done":false}
{"message":{"content":"rises."},"done":true}
)",
      Dialect::ollama_chat);
  EXPECT_EQ(answer.words(), "Bread rises.");
  const KeptAnswer copied = answer;
  EXPECT_EQ(copied.words(), "Bread rises.") << "and once more, when it has been put together";
}

TEST(KeptAnswer, HasNoneWhereItIsNotOneText) {
  for (const std::string_view sent :
       {R"({"message":{"content":"a"},"done":false})", R"({"error":"gone"})", "", "no JSON",
        R"({"message":{"content":"a","tool_calls":[{"function":{"name":"f"}}]},"done":true})"})
    EXPECT_EQ(KeptAnswer(std::string(sent), Dialect::ollama_chat).words(), "") << sent;
}

TEST(KeptAnswer, HasTheWordsThatItIsGiven) { EXPECT_EQ(KeptAnswer("Hello!").words(), "Hello!"); }

}  // namespace
}  // namespace tasklane
