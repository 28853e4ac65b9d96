// Of a prompt that is not kept for later chats fewer windows are taken down: the same quotes are found in it.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "shaper/classify/echo.h"

namespace tasklane {
namespace {

std::string said_by(std::mt19937& random) {
  static const std::vector<std::string> words{"bread",  "rises", " ",      " ",     ".",
                                              "USER: ", "\n",    "\u4e2d", "\u0416"};
  const std::size_t kinds = 1 + random() % words.size();
  std::string text;
  for (std::size_t count = 10 + random() % 200; count > 0; --count) text += words[random() % kinds];
  return text;
}

// Cut anywhere, as front ends do, and beside another's.
std::string quoting(std::mt19937& random, const std::vector<std::string>& said) {
  std::string prompt = "Name it: ";
  for (std::size_t count = 1 + random() % 3; count > 0; --count) {
    const std::string& one = said[random() % said.size()];
    const std::size_t cut = random() % (one.size() + 1);
    prompt += random() % 2 == 0 ? one : one.substr(random() % 2 == 0 ? 0 : cut, cut);
    prompt += random() % 2 == 0 ? "\nUSER: " : " ";
  }
  return prompt;
}

TEST(AnEchosFind, FindsTheSameInAPromptThatIsKeptAndInOneThatIsNot) {
  std::mt19937 random(11);
  std::size_t quotes = 0;
  for (int round = 0; round < 300; ++round) {
    Echo echo(1, 2);
    std::vector<std::string> said;
    RequestId id = 0;
    for (int chats = 0; chats < 8; ++chats) {
      said.push_back(said_by(random));
      BodyFacts chat;
      chat.messages.push_back({Role::user, said.back(), false, false});
      echo.remember(chat, true, {Tenant(1), Typist(1), ++id}, 0.5, Time{});
    }
    for (int prompts = 0; prompts < 6; ++prompts) {
      const std::string text = quoting(random, said);
      const EchoPrompt prompt{Tenant(1), text, {}, {}};
      const Found passing = echo.find(prompt, 0, Time{});
      const Found kept = echo.find(prompt, ++id, Time{});
      SCOPED_TRACE(text);
      ASSERT_EQ(passing.shape, kept.shape);
      ASSERT_EQ(passing.quote.has_value(), kept.quote.has_value());
      if (!kept.quote) continue;
      ++quotes;
      ASSERT_EQ(passing.quote->owner.request, kept.quote->owner.request);
      ASSERT_EQ(passing.quote->score, kept.quote->score);
      ASSERT_EQ(passing.quote->evidence.bytes, kept.quote->evidence.bytes);
      ASSERT_EQ(passing.quote->evidence.whole, kept.quote->evidence.whole);
    }
  }
  EXPECT_GT(quotes, 500U) << "else nothing was tried";
}

}  // namespace
}  // namespace tasklane
