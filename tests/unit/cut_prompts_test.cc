// Prompts that a server has read a part of alone: told by its figures, and never where they can be explained
// otherwise.
#include "shaper/server/cut_prompts.h"

#include "unit/living.h"

namespace tasklane {
namespace {

std::string many_words(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += "word" + std::to_string(i) + " ";
  return text;
}

UpstreamFigures figures_of(std::uint64_t tokens) {
  UpstreamFigures figures;
  figures.prompt_tokens = tokens;
  return figures;
}

class CutPromptsTest : public testing::Test {
 protected:
  [[nodiscard]] std::uint64_t count(const std::string& client = "10.0.0.7") const {
    const auto found = cut_.all().find({client, "big"});
    return found == cut_.all().end() ? 0 : found->second.count;
  }
  CutPrompts cut_;
};

TEST_F(CutPromptsTest, AreCountedForEachClientAndModel) {
  cut_.answered({"10.0.0.7", "big"}, 6000, figures_of(4099));
  cut_.answered({"10.0.0.7", "big"}, 7000, figures_of(4098));
  cut_.answered({"10.0.0.8", "big"}, 7000, figures_of(4098));
  EXPECT_EQ(2, count());
  EXPECT_EQ(1, count("10.0.0.8"));
  EXPECT_EQ(7000, cut_.all().at({"10.0.0.7", "big"}).sent_at_least);
  EXPECT_EQ(4098, cut_.all().at({"10.0.0.7", "big"}).read);
}

TEST_F(CutPromptsTest, WhatWasReadWholeOrIsShortOrNotToldIsNone) {
  cut_.answered({"10.0.0.7", "big"}, 6000, figures_of(6000));
  cut_.answered({"10.0.0.7", "big"}, CutPrompts::least_judged - 1, figures_of(10));
  cut_.answered({"10.0.0.7", "big"}, 6000, {});
  EXPECT_EQ(0, count());
}

TEST_F(CutPromptsTest, WhatCameFromTheCacheWasReadToo) {
  UpstreamFigures figures;
  figures.computed_tokens = 5;
  figures.cached_tokens = 7000;
  cut_.answered({"10.0.0.7", "big"}, 6000, figures);
  EXPECT_EQ(0, count());
}

TEST_F(CutPromptsTest, WhatWasComputedMayBeWhatWasNotInTheCache) {
  UpstreamFigures figures;
  figures.computed_tokens = 30;
  cut_.answered({"10.0.0.7", "big"}, 6000, figures);
  EXPECT_EQ(0, count());
}

TEST_F(CutPromptsTest, AreBoundedAndNamedAsATerminalMayShowThem) {
  for (std::size_t i = 0; i < 2 * CutPrompts::most; ++i)
    cut_.answered({"10.0.0.7", "m" + std::to_string(i)}, 6000, figures_of(1));
  EXPECT_EQ(CutPrompts::most, cut_.all().size());
  cut_.answered({"10.0.0.7", "m1"}, 6000, figures_of(1));
  EXPECT_EQ(2, cut_.all().at({"10.0.0.7", "m1"}).count) << "those that are known go on";
  CutPrompts other;
  other.answered({"10.0.0.7", "\x1b[2J"}, 6000, figures_of(1));
  other.answered({"10.0.0.7", std::string(1000, 'm')}, 6000, figures_of(1));
  EXPECT_TRUE(other.all().empty());
}

TEST_F(CutPromptsTest, ABodyIsReadAgainOnlyWhereItMayHoldMoreThanWasRead) {
  EXPECT_FALSE(CutPrompts::may_be_cut(20000, figures_of(5000)));
  EXPECT_FALSE(CutPrompts::may_be_cut(20000, {}));
  EXPECT_FALSE(CutPrompts::may_be_cut(4000, figures_of(10)));
  EXPECT_TRUE(CutPrompts::may_be_cut(80000, figures_of(4099)));
  const std::string text = many_words(20000);
  const std::uint64_t least = least_tokens({Message{Role::user, text}});
  EXPECT_TRUE(CutPrompts::may_be_cut(text.size() + 60, figures_of(least - 1))) << "never less than it finds";
}

TEST(LeastTokens, AreFewerThanAnyTokenizerMakesOfIt) {
  const auto of = [](const std::string& text, Role role = Role::user) {
    return least_tokens({Message{role, text}});
  };
  const std::string text = many_words(1000);
  EXPECT_LT(of(text), 1000);
  EXPECT_GT(of(text), 500);
  EXPECT_EQ(0, of(text, Role::assistant)) << "templates drop thoughts";
  EXPECT_LT(of(std::string(100000, ' ')), 5) << "a tokenizer has tokens for long runs";
  EXPECT_LT(of(std::string(100000, '-')), 5);
  std::string characters;
  for (int i = 0; i < 6000; ++i) characters += i % 2 == 0 ? "\xe4\xb8\xad" : "\xe6\x96\x87";
  EXPECT_EQ(0, of(characters)) << "other scripts differ too much from one vocabulary to the next";
  EXPECT_LE(of(text) * 2, least_tokens({Message{Role::system, text}, Message{Role::tool, text}}));
}

TEST_F(Living, ATaskWhosePromptWasCutIsCounted) {
  arrive(1, title_body(many_words(4000)));
  reach(1);
  auto said = nlohmann::json::parse(titled("Words"));
  said["usage"] = {{"prompt_tokens", 1024}, {"completion_tokens", 5}, {"total_tokens", 1029}};
  answer(1, said.dump());
  ASSERT_EQ(1, book_.cut_prompts().all().size());
  EXPECT_EQ("10.0.0.1", book_.cut_prompts().all().begin()->first.client);
  EXPECT_EQ("big", book_.cut_prompts().all().begin()->first.model);
}

TEST_F(Living, ATaskWhosePromptARuleReplacesIsNot) {
  rule_.then.patch = nlohmann::json{{"messages", {{{"role", "user"}, {"content", "Say nothing."}}}}};
  arrive(1, title_body(many_words(4000)));
  reach(1);
  auto said = nlohmann::json::parse(titled("Nothing"));
  said["usage"] = {{"prompt_tokens", 10}, {"completion_tokens", 5}, {"total_tokens", 15}};
  answer(1, said.dump());
  EXPECT_TRUE(book_.cut_prompts().all().empty());
}

}  // namespace
}  // namespace tasklane
