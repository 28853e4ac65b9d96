// When a server's long background prompts are cut, judged by the figures that real servers give.
#include "shaper/admit/slice_worth.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

using std::chrono::milliseconds;

const SliceOptions cut;  // at four bytes a token

UpstreamFigures ollama(std::uint64_t prompt, milliseconds time) {
  UpstreamFigures figures;
  figures.prompt_tokens = prompt;
  figures.prompt_time = time;
  return figures;
}
UpstreamFigures llama(std::uint64_t cached, std::uint64_t computed, milliseconds time) {
  UpstreamFigures figures;
  figures.cached_tokens = cached;
  figures.computed_tokens = computed;
  figures.prompt_time = time;
  return figures;
}

TEST(SliceWorth, AServerThatTellsNothingIsAskedWhole) {
  SliceWorth worth;
  EXPECT_FALSE(worth.options());
  worth.whole(UpstreamFigures{});
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

TEST(SliceWorth, AModelThatKeepsNoShortPrefixGetsALongFirstSliceAndIsLeftAloneIfThatIsLostToo) {
  SliceWorth worth;
  worth.whole(ollama(900, milliseconds(3000)));
  worth.slice(ollama(300, milliseconds(1000)), 300, 150, cut);
  ASSERT_TRUE(worth.options());
  EXPECT_EQ(640u, worth.options()->first_tokens);
  worth.slice(ollama(800, milliseconds(2700)), 800, 650, cut);
  ASSERT_TRUE(worth.options());
  worth.slice(ollama(950, milliseconds(3200)), 950, 800, cut);
  EXPECT_FALSE(worth.options());
}

TEST(SliceWorth, ACacheThatIsToldToHoldNothingEndsIt) {
  SliceWorth worth;
  worth.whole(llama(0, 900, milliseconds(3000)));
  worth.slice(llama(0, 850, milliseconds(2800)), 850, 700, cut);
  worth.slice(llama(0, 1000, milliseconds(3300)), 1000, 850, cut);
  EXPECT_FALSE(worth.options());
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
