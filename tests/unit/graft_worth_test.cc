// Whether tasks are asked on top of their chats, judged by the figures that servers give.
#include "shaper/server/graft_worth.h"

#include <gtest/gtest.h>

#include "unit/figures_told.h"

namespace tasklane {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t chat_tokens = 5000;

int times_it_pays(GraftWorth& worth, int occasions) {
  int times = 0;
  for (int i = 0; i < occasions; ++i) times += worth.pays(chat_tokens) ? 1 : 0;
  return times;
}

TEST(GraftWorth, IsTriedAndGoesOnWhereTheChatIsFound) {
  GraftWorth worth;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(worth.pays(chat_tokens));
    worth.answered(llama(5000, 300), chat_tokens, true, std::nullopt);
  }
}

TEST(GraftWorth, WhereTheChatIsNotFoundItIsTriedNowAndThen) {
  GraftWorth worth;
  for (int i = 0; i < 3; ++i) worth.answered(llama(3, 5300), chat_tokens, true, std::nullopt);
  EXPECT_EQ(2, times_it_pays(worth, 32));
  worth.answered(llama(5000, 300), chat_tokens, true, std::nullopt);
  EXPECT_EQ(32, times_it_pays(worth, 32));
}

TEST(GraftWorth, WhereNothingIsToldOrAnswersAreOfNoUseItIsTriedNowAndThen) {
  GraftWorth silent;
  for (int i = 0; i < 3; ++i) silent.answered({}, chat_tokens, true, std::nullopt);
  EXPECT_EQ(2, times_it_pays(silent, 32));
  GraftWorth refusing;
  for (int i = 0; i < 3; ++i) refusing.in_vain();
  EXPECT_EQ(2, times_it_pays(refusing, 32));
}

TEST(GraftWorth, FiguresThatCannotBeTrueEndIt) {
  for (const UpstreamFigures& lie : {ollama(0, milliseconds(1)), ollama(5300, milliseconds(-1)), [] {
                                       UpstreamFigures figures = llama(9000, 1);
                                       figures.prompt_tokens = 5300;
                                       return figures;
                                     }()}) {
    GraftWorth worth;
    worth.answered(lie, chat_tokens, true, std::nullopt);
    EXPECT_EQ(0, times_it_pays(worth, 100));
  }
}

TEST(GraftWorth, OllamaTellsByTheTimeBesideThatOfAColdPrompt) {
  GraftWorth worth;
  worth.other(ollama(5000, milliseconds(16000)));
  worth.other(ollama(5100, milliseconds(300)));  // found in the cache
  for (int i = 0; i < 5; ++i)
    worth.answered(ollama(5300, milliseconds(1100)), chat_tokens, true, std::nullopt);
  EXPECT_TRUE(worth.pays(chat_tokens));
  for (int i = 0; i < 3; ++i)
    worth.answered(ollama(5300, milliseconds(15000)), chat_tokens, true, std::nullopt);
  EXPECT_FALSE(worth.pays(chat_tokens));
}

// An agent that began beside a server which had the chats already.
TEST(GraftWorth, OllamaTellsByTheRateOfSlicesWhereEveryPromptOfLateWasInTheCache) {
  GraftWorth worth;
  for (int i = 0; i < 20; ++i) worth.other(ollama(5000, milliseconds(400)));
  for (int i = 0; i < 5; ++i) {
    worth.answered(ollama(5400, milliseconds(1600)), chat_tokens, true, std::nullopt);
    EXPECT_TRUE(worth.pays(chat_tokens)) << "nothing is known";
    worth.answered(ollama(5400, milliseconds(1600)), chat_tokens, true, 200);
    EXPECT_TRUE(worth.pays(chat_tokens));
  }
  for (int i = 0; i < 3; ++i) worth.answered(ollama(5400, milliseconds(20000)), chat_tokens, true, 200);
  EXPECT_FALSE(worth.pays(chat_tokens));
}

// To a prompt that was in the cache.
UpstreamFigures answer_of(std::uint64_t tokens, milliseconds time) {
  UpstreamFigures answer = ollama(5000, milliseconds(400));
  answer.generated_tokens = tokens;
  answer.generation_time = time;
  return answer;
}

// Behind 5,000 tokens a small machine takes 0.41 s for a slice of 16, and writes 45 tokens in a second.
TEST(GraftWorth, SlicesThatAreReadAsSlowlyAsAnswersAreWrittenTellTheRateToo) {
  GraftWorth worth;
  worth.other(answer_of(45, milliseconds(1000)));
  for (int i = 0; i < 5; ++i) worth.answered(ollama(5400, milliseconds(3000)), chat_tokens, true, 39);
  EXPECT_TRUE(worth.pays(chat_tokens));
}

TEST(GraftWorth, IsNothingAtAServerThatKeepsNoPrompt) {
  GraftWorth by_chats;
  for (int i = 0; i < 5; ++i) by_chats.other(ollama(5000, milliseconds(20000)));
  for (int i = 0; i < 3; ++i)
    by_chats.answered(ollama(5400, milliseconds(21000)), chat_tokens, true, std::nullopt);
  EXPECT_FALSE(by_chats.pays(chat_tokens));

  GraftWorth by_slices;  // of 68 tokens, and each took 21 s
  by_slices.other(answer_of(90, milliseconds(3000)));
  for (int i = 0; i < 3; ++i) by_slices.answered(ollama(5400, milliseconds(21000)), chat_tokens, true, 3.2);
  EXPECT_FALSE(by_slices.pays(chat_tokens));
}

TEST(GraftWorth, AServerWhoseTimesAreNoneTellsNothing) {
  for (const UpstreamFigures& told : {ollama(5400, milliseconds(0)), [] {
                                        UpstreamFigures figures = ollama(5400, milliseconds(1));
                                        figures.prompt_time = std::chrono::nanoseconds(1);
                                        return figures;
                                      }()}) {
    GraftWorth worth;
    for (int i = 0; i < 5; ++i) worth.other(told);
    for (int i = 0; i < 3; ++i) worth.answered(told, chat_tokens, true, 1e12);
    EXPECT_EQ(2, times_it_pays(worth, 32));
  }
}

TEST(GraftWorth, AShortChatBesideALongTaskTellsNothingByTime) {
  GraftWorth worth;
  for (int i = 0; i < 5; ++i) worth.answered(ollama(500, milliseconds(3000)), 150, true, 100);
  EXPECT_TRUE(worth.pays(150));
}

TEST(GraftWorth, AChatOfWhichTheServerCutTheBeginningIsTooLong) {
  GraftWorth worth;
  worth.answered(ollama(4000, milliseconds(16000)), chat_tokens, true, std::nullopt);
  EXPECT_FALSE(worth.pays(chat_tokens));
  EXPECT_FALSE(worth.pays(chat_tokens + 1));
  EXPECT_TRUE(worth.pays(chat_tokens - 1));
  EXPECT_TRUE(worth.pays(0)) << "nothing is known of its length";
}

TEST(GraftWorth, TellsWhetherOtherWorkPushesTheChatOut) {
  GraftWorth worth;
  EXPECT_FALSE(worth.kept_through());
  EXPECT_FALSE(worth.is_pushed_out());
  worth.answered(llama(3, 5300), chat_tokens, false, std::nullopt);
  EXPECT_TRUE(worth.is_pushed_out());
  EXPECT_TRUE(worth.pays(chat_tokens)) << "that says nothing of grafts right behind their chat";
  worth.answered(llama(5000, 300), chat_tokens, false, std::nullopt);
  EXPECT_TRUE(worth.kept_through());
  EXPECT_FALSE(worth.is_pushed_out());
}

}  // namespace
}  // namespace tasklane
