// Answers kept for a short time: what is found again, and what is not.
#include "shaper/task/answer_cache.h"

#include <gtest/gtest.h>

#include "unit/start.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""s;

std::shared_ptr<const Answer> said(const std::string& text, const std::string& reason = "stop") {
  auto answer = std::make_shared<Answer>();
  answer->content = text;
  answer->finish_reason = reason;
  return answer;
}

AnswerCache::Key question(std::uint64_t number, const std::string& server = "m:1") {
  return {server, CanonicalKey{number, number}};
}

TEST(AnswerCache, GivesTheSameAnswerUntilItsTimeIsOver) {
  AnswerCache cache;
  cache.keep(question(1), said("Rice"), start + 60s);
  ASSERT_NE(cache.find(question(1), start + 59s), nullptr);
  EXPECT_EQ(cache.find(question(1), start + 59s)->content, "Rice");
  EXPECT_EQ(cache.find(question(1), start + 60s), nullptr);
  EXPECT_EQ(cache.bytes(), 0u) << "what is over is forgotten";
}

TEST(AnswerCache, KeepsQuestionsAndServersApart) {
  AnswerCache cache;
  cache.keep(question(1), said("Rice"), start + 60s);
  EXPECT_EQ(cache.find(question(2), start), nullptr);
  EXPECT_EQ(cache.find(question(1, "other:1"), start), nullptr);
}

TEST(AnswerCache, KeepsNothingThatWasCutOrCallsATool) {
  AnswerCache cache;
  cache.keep(question(1), said("Ri", "length"), start + 60s);
  auto calling = std::make_shared<Answer>(*said(""));
  calling->tool_calls.push_back({"1", "search", "{}"});
  cache.keep(question(2), calling, start + 60s);
  EXPECT_EQ(cache.find(question(1), start), nullptr);
  EXPECT_EQ(cache.find(question(2), start), nullptr);
}

TEST(AnswerCache, ForgetsTheLeastRecentlyUsedPastItsBound) {
  AnswerCache cache(ByteSize{10000});
  const std::string text(2000, 'a');
  for (std::uint64_t number = 1; number <= 3; ++number) cache.keep(question(number), said(text), start + 60s);
  ASSERT_NE(cache.find(question(1), start), nullptr);
  cache.keep(question(4), said(text), start + 60s);
  EXPECT_NE(cache.find(question(1), start), nullptr);
  EXPECT_EQ(cache.find(question(2), start), nullptr);
  EXPECT_LE(cache.bytes(), 10000u);
  cache.keep(question(5), said(std::string(20000, 'a')), start + 60s);
  EXPECT_EQ(cache.find(question(5), start), nullptr) << "larger than all of it";
}

TEST(AnswerCache, ReplacesAnOlderAnswer) {
  AnswerCache cache;
  cache.keep(question(1), said("old"), start + 60s);
  const std::size_t before = cache.bytes();
  cache.keep(question(1), said("new"), start + 90s);
  EXPECT_EQ(cache.find(question(1), start + 70s)->content, "new");
  EXPECT_EQ(cache.bytes(), before);
}

TEST(AnswerCache, ForgetsWhatNoLongerServes) {
  AnswerCache cache;
  cache.keep(question(1), said("old"), start + 60s);
  cache.keep(question(2), said("new"), start + 90s);
  cache.sweep(start + 60s);
  EXPECT_EQ(cache.find(question(2), start + 60s)->content, "new");
  cache.sweep(start + 90s);
  EXPECT_EQ(cache.bytes(), 0u);
}

}  // namespace
}  // namespace tasklane
