// When a server's long background prompts are cut, judged by the figures that real servers give.
#include "shaper/server/slice_worth.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "unit/figures_told.h"

namespace tasklane {
namespace {

using std::chrono::milliseconds;

const SliceOptions cut;  // at four bytes a token

SliceOptions cut_in(std::size_t tokens) {
  SliceOptions options = cut;
  options.slice_tokens = tokens;
  return options;
}

TEST(SliceWorth, AnUnknownServerIsTriedWithCareAndOneThatTellsNothingIsAskedWhole) {
  SliceWorth worth;
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(128u, worth.options()->slice_tokens);
  worth.whole(UpstreamFigures{});
  EXPECT_FALSE(worth.known()) << "it may have been an answer that never tells";
  worth.slice(UpstreamFigures{}, 128, 0, cut);
  EXPECT_TRUE(worth.known());
  EXPECT_FALSE(worth.options());
}

TEST(SliceWorth, ASliceCostsAQuarterOfASecondAtTheServersOwnRate) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

TEST(SliceWorth, APromptThatWasMostlyCachedDoesNotMakeTheServerLookFast) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  worth.whole(ollama(900, milliseconds(30)));
  EXPECT_LT(worth.options()->slice_tokens, 90u);
  SliceWorth other;
  other.whole(ollama(900, milliseconds(30)));
  other.whole(ollama(900, milliseconds(3000)));
  EXPECT_EQ(75u, other.options()->slice_tokens);
}

TEST(SliceWorth, AChatsFewNewTokensTellTheRateUntilMoreAreSeen) {
  SliceWorth worth;
  worth.chat(llama(5000, 10, milliseconds(100)));
  EXPECT_FALSE(worth.known()) << "too few to tell anything";
  worth.chat(ollama(5000, milliseconds(140)));
  EXPECT_FALSE(worth.known()) << "nobody knows how much of it was in the cache";
  worth.chat(llama(5000, 20, milliseconds(140)));
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(35u, worth.options()->slice_tokens) << "careful";
  for (int i = 0; i < 12; ++i) worth.slice(llama(200, 400, milliseconds(1000)), 600, 200, cut);
  EXPECT_NEAR(100, static_cast<double>(worth.options()->slice_tokens), 5) << "400 tokens a second";
}

TEST(SliceWorth, WhatCameBehindSlicesIsToldFromTheWholePrompt) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  for (int task = 0; task < 20; ++task) worth.whole(ollama(900, milliseconds(333)), 800);
  EXPECT_NEAR(75, static_cast<double>(worth.options()->slice_tokens), 1)
      << "100 tokens in a third of a second";
}

TEST(SliceWorth, OnASlowServerSlicesAreShortAndTheirPartsNotTooMany) {
  SliceWorth worth;
  worth.whole(llama(0, 600, milliseconds(12000)));
  EXPECT_EQ(16u, worth.options()->slice_tokens);
  EXPECT_EQ(2u, worth.options()->parts);
}

TEST(SliceWorth, APartBesideAChatTellsNothing) {
  SliceWorth worth;
  worth.whole(llama(0, 900, milliseconds(3000)));
  for (int i = 0; i < 9; ++i) worth.slice(llama(300, 32, milliseconds(800)), 332, 300, cut);  // of 256
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

TEST(SliceWorth, CachedTokensAreNoWorkOfTheServer) {
  SliceWorth worth;
  worth.whole(llama(5000, 300, milliseconds(1000)));
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

TEST(SliceWorth, SlicesGoOnWhileTheirPrefixIsKept) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  std::size_t before = 0;
  for (const std::size_t prompt : {150u, 300u, 450u, 600u})
    before = worth.slice(ollama(prompt, milliseconds(520)), prompt, before, cut);
  EXPECT_EQ(600u, before);
  EXPECT_TRUE(worth.options());
  EXPECT_EQ(0u, worth.options()->first_tokens);
}

// A prompt in slices of 75 tokens at 300 tokens a second, of which each computes so much more than it adds;
// given up where they are lost.
void in_slices(SliceWorth& worth, std::size_t from, std::size_t to, std::size_t reread, bool told) {
  std::size_t before = 0;
  const std::size_t first = worth.options() ? worth.options()->first_tokens : 0;
  const auto go_on = [&] { return worth.options() && worth.options()->first_tokens == first; };
  for (std::size_t prompt = from; prompt <= to && go_on(); prompt += 75) {
    const std::size_t computed = std::min(prompt, prompt - before + reread);
    const milliseconds time(computed * 1000 / 300);
    before = worth.slice(told ? llama(prompt - computed, computed, time) : ollama(prompt, time), prompt,
                         before, cut_in(75));
  }
}

TEST(SliceWorth, AModelThatKeepsNoShortPrefixGetsALongFirstSliceAndIsLeftAloneIfThatIsLostToo) {
  for (const bool told : {true, false}) {
    SliceWorth worth;
    worth.whole(ollama(900, milliseconds(3000)));
    in_slices(worth, 75, 600, 10000, told);
    ASSERT_TRUE(worth.options());
    EXPECT_EQ(640u, worth.options()->first_tokens);
    in_slices(worth, 675, 1500, 10000, told);
    EXPECT_FALSE(worth.options());
  }
}

TEST(SliceWorth, AModelThatReadsAWindowAgainForEachSliceIsLeftAlone) {
  for (const bool told : {true, false}) {
    SliceWorth worth;
    worth.whole(ollama(900, milliseconds(3000)));
    for (int task = 0; task < 3; ++task) in_slices(worth, 675, 1500, 516, told);
    EXPECT_FALSE(worth.options());
  }
}

TEST(SliceWorth, AServerThatWasThreeTimesAsSlowForAMomentIsTriedAgain) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  for (std::size_t before = 675; worth.options() && before < 3000; before += 75)
    worth.slice(ollama(before + 75, milliseconds(750)), before + 75, before, cut_in(75));
  ASSERT_FALSE(worth.options());
  EXPECT_TRUE(worth.known());
  for (int task = 0; task < 15; ++task) worth.whole(ollama(900, milliseconds(3000)));
  EXPECT_FALSE(worth.options());
  worth.whole(ollama(900, milliseconds(3000)));
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

TEST(SliceWorth, ASlotThatOtherWorkTookInBetweenOnceEndsNothing) {
  SliceWorth worth;
  worth.whole(llama(0, 900, milliseconds(3000)));
  for (int task = 0; task < 5; ++task) {
    in_slices(worth, 75, 300, 0, true);
    worth.slice(llama(0, 375, milliseconds(1250)), 375, 300, cut);
    in_slices(worth, 75, 300, 0, true);
  }
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(0u, worth.options()->first_tokens);
}

TEST(SliceWorth, ABusyMomentIsForgottenOnceSlicesTellOtherwise) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  worth.whole(ollama(900, milliseconds(12000)));
  EXPECT_EQ(18u, worth.options()->slice_tokens);
  in_slices(worth, 75, 600, 0, false);
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

TEST(SliceWorth, ARateThatLookedTwiceTooHighIsNoReasonToTakeSlicesForLost) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(1500)));
  in_slices(worth, 75, 600, 0, false);
  worth.whole(ollama(675, milliseconds(250)), 600);
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(0u, worth.options()->first_tokens);
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

// What Ollama takes for so many tokens behind 5,000 on two cores, as its figures tell it.
milliseconds behind_a_long_prompt(std::size_t tokens) {
  static const std::vector<std::pair<double, double>> seen{{0, 25},     {16, 340},   {63, 1220}, {64, 815},
                                                           {128, 1370}, {256, 2200}, {512, 4300}};
  const auto size = static_cast<double>(tokens);
  const auto next =
      std::find_if(seen.begin() + 1, seen.end() - 1, [&](const auto& each) { return size < each.first; });
  const auto [from, since] = *(next - 1);
  return milliseconds(std::lround(since + (size - from) * (next->second - since) / (next->first - from)));
}

struct Task {
  std::size_t longest_slice = 0;  // tokens
  milliseconds time{};
};
// A task of so many tokens on top of a chat of 5,000, in slices. `told`: how many tokens were computed, too.
Task on_top_of_a_chat(SliceWorth& worth, std::size_t tokens, bool told) {
  Task task;
  const std::size_t end = 5000 + tokens;
  for (std::size_t before = 5000; before < end;) {
    const std::optional<SliceOptions> options = worth.options();
    if (!options) return {};
    const std::size_t added = std::min(options->slice_tokens, end - before);
    const milliseconds time = behind_a_long_prompt(added);
    const UpstreamFigures figures = told ? llama(before, added, time) : ollama(before + added, time);
    if (before + added == end)
      worth.whole(figures, before);
    else
      worth.slice(figures, before + added, before, *options);
    before += added;
    task.time += time;
    task.longest_slice = std::max(task.longest_slice, added);
  }
  return task;
}

// In slices of a quarter of a second it would be 7 s and more, and a chat would wait for as long on the
// average.
TEST(SliceWorth, WhereAFewTokensTakeAsLongAsSomeDozensASliceIsOfThose) {
  for (const bool told : {false, true}) {
    SliceWorth worth;
    if (told)
      worth.behind(5000, llama(5000, 30, behind_a_long_prompt(30)));
    else
      worth.behind(5000, ollama(5030, behind_a_long_prompt(30)));
    EXPECT_EQ(16u, worth.options()->slice_tokens);
    on_top_of_a_chat(worth, 300, told);
    for (int i = 0; i < 10; ++i) {
      const Task task = on_top_of_a_chat(worth, 300, told);
      EXPECT_EQ(80u, task.longest_slice);
      EXPECT_LE(task.time, milliseconds(5000));
    }
  }
}

TEST(SliceWorth, WhereTheyDoNotASliceStaysShort) {
  for (const bool told : {false, true}) {
    SliceWorth worth;
    for (int i = 0; i < 40; ++i) {
      const std::size_t added = i % 4 == 0 ? 80 : 25;
      const milliseconds time(10 * added);
      worth.slice(told ? llama(1000, added, time) : ollama(1000 + added, time), 1000 + added, 1000,
                  cut_in(25));
    }
    EXPECT_EQ(25u, worth.options()->slice_tokens);
  }
}

TEST(SliceWorth, AWholeThatFindsNothingOfItsSlicesDoesNotMakeTheServerLookSlow) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  worth.whole(ollama(900, milliseconds(3000)), 825);
  EXPECT_EQ(75u, worth.options()->slice_tokens);
}

TEST(SliceWorth, ASuggestionsBeginningIsTrustedUntilTheServerIsSeenToLoseItAndThenNowAndThen) {
  SliceWorth worth;
  const KnownPrefix beginning(std::string(1000, 'a'));
  const UpstreamFigures found = llama(400, 60, milliseconds(200));
  const UpstreamFigures lost = llama(0, 460, milliseconds(1500));
  worth.whole(llama(0, 900, milliseconds(3000)));
  EXPECT_EQ(0u, worth.suggestion(true).shared(beginning));
  worth.suggested(beginning);
  EXPECT_EQ(960u, worth.suggestion(true).shared(beginning));
  for (const bool there : {false, true, false, false}) {
    EXPECT_EQ(960u, worth.suggestion(true).shared(beginning));
    worth.suggestion_goes_on(there ? found : lost, true);
  }
  for (int i = 1; i < 16; ++i) EXPECT_EQ(0u, worth.suggestion(true).shared(beginning));
  EXPECT_EQ(960u, worth.suggestion(true).shared(beginning)) << "for the server may have it again";
  worth.suggestion_goes_on(found, true);
  EXPECT_EQ(960u, worth.suggestion(true).shared(beginning));
}

TEST(SliceWorth, ASuggestionWhoseSlotWasTakenSaysNothingOfOnesThatAreInTheirs) {
  SliceWorth worth;
  const KnownPrefix beginning(std::string(1000, 'a'));
  worth.whole(llama(0, 900, milliseconds(3000)));
  worth.suggested(beginning);
  for (int i = 0; i < 2; ++i) worth.suggestion_goes_on(llama(0, 460, milliseconds(1500)), false);
  for (int i = 1; i < 256; ++i) EXPECT_EQ(0u, worth.suggestion(false).shared(beginning));
  EXPECT_EQ(960u, worth.suggestion(false).shared(beginning)) << "the host's memory may have it";
  EXPECT_EQ(960u, worth.suggestion(true).shared(beginning));
}

TEST(SliceWorth, WhatItIsTooSlowForIsTriedNowAndThen) {
  SliceWorth worth;
  EXPECT_TRUE(worth.may_read(1e6, milliseconds(1))) << "nothing is known";
  worth.whole(llama(0, 900, milliseconds(9000)));
  EXPECT_TRUE(worth.may_read(290, milliseconds(3000)));
  int tried = 0;
  for (int i = 0; i < 210; ++i) tried += worth.may_read(310, milliseconds(3000)) ? 1 : 0;
  EXPECT_EQ(42, tried);
  EXPECT_FALSE(worth.may_read(10, milliseconds(-1)));
}

TEST(SliceWorth, ALanguageWithShortTokensIsCutShorter) {
  SliceWorth worth;
  worth.whole(llama(0, 900, milliseconds(3000)));
  worth.slice(llama(0, 300, milliseconds(1000)), 150, 0, cut);
  EXPECT_DOUBLE_EQ(2.0, worth.options()->bytes_per_token);
}

TEST(SliceWorth, AllSlicesOfAPromptCorrectTheEstimateWithWhichItWasCutAndNotEachOther) {
  SliceWorth worth;
  worth.whole(llama(0, 900, milliseconds(3000)));
  std::size_t before = 0;
  for (std::size_t estimated = 75; estimated <= 750; estimated += 75) {
    const std::size_t prompt = estimated * 40 / 37;
    before = worth.slice(llama(before, prompt - before, milliseconds(250)), estimated, before, cut);
    EXPECT_NEAR(3.7, worth.options()->bytes_per_token, 0.06);
  }
}

TEST(SliceWorth, AServerThatRefusesOneIsNotAskedAgain) {
  SliceWorth worth;
  worth.whole(llama(0, 900, milliseconds(3000)));
  worth.refused();
  EXPECT_FALSE(worth.options());
}

}  // namespace
}  // namespace tasklane
