// What is kept of model servers, for how long, and what goes first.
#include <gtest/gtest.h>

#include <string>

#include "shaper/server/book.h"

namespace tasklane {
namespace {

constexpr Constraints no_schema{false, true, true};

ModelKey numbered(int number) { return {{"server"}, std::to_string(number)}; }
ServerKey server(int number) { return {std::to_string(number)}; }

TEST(Book, KnowsAModelOnAServerByWhatItTookLast) {
  Book book;
  const ModelKey big{{"a"}, "big"};
  EXPECT_EQ(book.model(big).constraints.at(Time{}), Constraints{});
  book.model(big).constraints.remember(no_schema, Time{});
  EXPECT_EQ(book.model(big).constraints.at(Time{}), no_schema);
  EXPECT_EQ(book.model({{"a"}, "small"}).constraints.at(Time{}), Constraints{});
  EXPECT_EQ(book.model({{"b"}, "big"}).constraints.at(Time{}), Constraints{});
  book.model(big).constraints.remember(no_constraints, Time{});
  EXPECT_EQ(book.model(big).constraints.at(Time{}), no_constraints);
}

TEST(Book, WhatAServerTookIsForgottenAfterAnHour) {
  Book book;
  book.model(numbered(1)).constraints.remember(no_schema, Time{});
  EXPECT_EQ(book.model(numbered(1)).constraints.at(Time{} + std::chrono::minutes(59)), no_schema);
  EXPECT_EQ(book.model(numbered(1)).constraints.at(Time{} + std::chrono::minutes(60)), Constraints{});
}

TEST(Book, AConfigurationReadAgainForgetsWhatAnotherServerMayDoOtherwise) {
  Book book;
  ModelPage& page = book.model(numbered(1));
  page.constraints.remember(no_schema, Time{});
  page.chat_options = LoadOptions{};
  page.slices[Dialect::ollama_chat].refused();
  book.configuration_read_again();
  EXPECT_EQ(book.model(numbered(1)).constraints.at(Time{}), Constraints{});
  EXPECT_TRUE(book.slices(numbered(1), Dialect::ollama_chat).options());
  EXPECT_TRUE(book.model(numbered(1)).chat_options) << "the chats' models stay loaded";
}

TEST(Book, FiguresOfOneDialectAreNotThoseOfAnother) {
  Book book;
  book.slices(numbered(1), Dialect::openai_chat).refused();
  EXPECT_FALSE(book.slices(numbered(1), Dialect::openai_chat).options());
  EXPECT_TRUE(book.slices(numbered(1), Dialect::ollama_chat).options());
}

TEST(Book, OfMoreModelsThanItHoldsTheOneThatWasOpenedLongestAgoGoes) {
  Book book;
  for (int i = 0; i < 10000; ++i) {
    book.model(numbered(i)).constraints.remember(no_schema, Time{});
    book.model(numbered(7));
  }
  EXPECT_EQ(book.models(), Book::most_models);
  EXPECT_EQ(book.model(numbered(9999)).constraints.at(Time{}), no_schema);
  EXPECT_EQ(book.model(numbered(7)).constraints.at(Time{}), no_schema);
  EXPECT_EQ(book.model(numbered(0)).constraints.at(Time{}), Constraints{});
}

TEST(Book, OfMoreServersThanItHoldsThoseThatTheConfigurationNamesStay) {
  Book book;
  book.slots(server(0)).named = true;
  book.slots(server(0)).wanted = 4;
  for (int i = 1; i < 1000; ++i) book.slots(server(i)).learnt = 2;
  EXPECT_EQ(book.servers(), Book::most_servers);
  EXPECT_EQ(book.slots(server(0)).count(), 4u);
  EXPECT_EQ(book.slots(server(999)).count(), 2u);
  EXPECT_EQ(book.slots(server(1)).count(), 1u) << "nothing is known of it any more";
}

TEST(Book, WhatTheConfigurationSaysOfSlotsGoesBeforeWhatTheServerSays) {
  Book book;
  SlotsSeen& slots = book.slots(server(1));
  EXPECT_EQ(slots.count(), 1u);
  slots.learnt = 4;
  slots.wanted = 2;
  EXPECT_EQ(slots.count(), 2u);
  book.forget_wanted_slots();
  EXPECT_EQ(book.slots(server(1)).count(), 4u);
  EXPECT_EQ(book.with_slots().size(), 1u);
}

TEST(Book, TwoUpstreamsAtOneServerAreUpAndPaidForEachByItself) {
  Book book;
  for (unsigned i = 0; i < Health::failures_to_open; ++i)
    Health::Attempt(book.upstream({"dear"}).health, Time{}).failed(Time{});
  book.upstream({"dear"}).spending.spend(Time{}, {5});
  EXPECT_FALSE(book.upstream({"dear"}).health->may_try(Time{}));
  EXPECT_TRUE(book.upstream({"cheap"}).health->may_try(Time{}));
  EXPECT_EQ(0, book.upstream({"cheap"}).spending.all().picos);
  EXPECT_EQ(nullptr, book.known({"unheard of"}));
}

TEST(Book, WhatWasDownIsTriedOnceTheConfigurationIsReadAgainButItsCostStays) {
  Book book;
  Health::Attempt before(book.upstream({"hosted"}).health, Time{});
  Health::Attempt(book.upstream({"hosted"}).health, Time{}).failed(Time{}, std::chrono::hours(1));
  book.upstream({"hosted"}).spending.spend(Time{}, {5});
  book.configuration_read_again();
  before.failed(Time{}, std::chrono::hours(1));
  EXPECT_TRUE(book.upstream({"hosted"}).health->may_try(Time{})) << "with another key, perhaps";
  EXPECT_EQ(1, book.upstream({"hosted"}).health->openings());
  EXPECT_EQ(5, book.upstream({"hosted"}).spending.all().picos);
}

}  // namespace
}  // namespace tasklane
