// Which of several addresses is asked: by chance, by what they have to do, by where a chat's prompt is.
#include "shaper/decide/balance.h"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using Route = std::vector<const Upstream*>;

class Balancing : public testing::Test {
 protected:
  Balancing() {
    for (std::size_t i = 0; i < addresses_.size(); ++i) {
      addresses_.at(i).group = "gpu";
      addresses_.at(i).name = "gpu@10.0.0." + std::to_string(i) + ":8000";
    }
    model_.name = "model";
    model_.original = true;
  }
  [[nodiscard]] Route route(std::uint64_t chat, std::uint64_t draw) const {
    Route all{&addresses_[0], &addresses_[1], &addresses_[2], &model_};
    balance(all, {book_, chat, draw, now_});
    EXPECT_EQ(4U, std::set<const Upstream*>(all.begin(), all.end()).size());
    EXPECT_EQ(&model_, all.back()) << "what is no address of the group stays where it is";
    return all;
  }
  [[nodiscard]] std::string first(std::uint64_t chat, std::uint64_t draw) const {
    return route(chat, draw).front()->name;
  }
  [[nodiscard]] UpstreamPage& page(const std::string& name) { return book_.upstream({name}); }
  void go_down(const std::string& name) {
    for (unsigned i = 0; i < Health::failures_to_open; ++i)
      Health::Attempt(page(name).health, now_).failed(now_);
  }
  void occupy(const std::string& name, std::size_t requests) {
    for (std::size_t i = 0; i < requests; ++i) there_.push_back(page(name).present);
  }

  std::array<Upstream, 3> addresses_;
  Upstream model_;
  Book book_;
  Time now_{1h};
  std::vector<std::shared_ptr<const Present>> there_;
};

TEST_F(Balancing, WhatBelongsToNoChatIsSpreadOverAll) {
  std::map<std::string, int> asked;
  for (std::uint64_t draw = 0; draw < 3000; ++draw) ++asked[first(0, draw)];
  ASSERT_EQ(3U, asked.size());
  for (const auto& [name, times] : asked) EXPECT_NEAR(1000, times, 150) << name;
}

TEST_F(Balancing, OfTwoThatAreDrawnTheLessBusyOneIsAsked) {
  occupy(addresses_[0].name, 5);
  occupy(addresses_[1].name, 1);
  for (std::uint64_t draw = 0; draw < 300; ++draw)
    EXPECT_NE(addresses_[0].name, first(0, draw))
        << "the busiest of three loses to whichever is drawn beside";
  EXPECT_EQ(5U, page(addresses_[0].name).in_flight());
  there_.clear();
  EXPECT_EQ(0U, page(addresses_[0].name).in_flight()) << "and is free once they have left";
}

TEST_F(Balancing, AChatStaysWithOneAddressAndChatsAreSpread) {
  std::map<std::string, int> homes;
  for (std::uint64_t chat = 1; chat <= 900; ++chat) {
    const std::string home = first(chat, 0);
    ++homes[home];
    for (std::uint64_t draw = 1; draw < 5; ++draw) EXPECT_EQ(home, first(chat, draw));
  }
  ASSERT_EQ(3U, homes.size());
  for (const auto& [name, chats] : homes) EXPECT_NEAR(300, chats, 75) << name;
}

TEST_F(Balancing, AChatLeavesAnAddressThatIsFarBusierAndComesBack) {
  const std::string home = first(7, 0);
  occupy(home, far_busier);
  for (std::uint64_t draw = 0; draw < 50; ++draw) EXPECT_EQ(home, first(7, draw)) << "a little is no reason";
  occupy(home, 1);
  std::set<std::string> others;
  for (std::uint64_t draw = 0; draw < 50; ++draw) others.insert(first(7, draw));
  EXPECT_FALSE(others.contains(home)) << "unless it is drawn beside itself";
  there_.clear();
  EXPECT_EQ(home, first(7, 1));
}

TEST_F(Balancing, OneThatIsDownIsAskedLastAndItsChatsAloneMove) {
  std::map<std::uint64_t, std::string> homes;
  for (std::uint64_t chat = 1; chat <= 100; ++chat) homes[chat] = first(chat, 0);
  go_down(addresses_[1].name);
  for (const auto& [chat, home] : homes) {
    const Route now = route(chat, 0);
    EXPECT_EQ(addresses_[1].name, now[2]->name);
    if (home == addresses_[1].name) continue;
    EXPECT_EQ(home, now[0]->name);
  }
  now_ += Health::first_pause;
  EXPECT_EQ(addresses_[1].name, [&] {
    for (const auto& [chat, home] : homes)
      if (home == addresses_[1].name) return first(chat, 0);
    return std::string();
  }()) << "the first one behind its pause tries it";
}

TEST_F(Balancing, WhereAllAreDownAllAreStillInTheRoute) {
  for (const Upstream& each : addresses_) go_down(each.name);
  for (std::uint64_t draw = 0; draw < 20; ++draw) EXPECT_EQ(4U, route(draw, draw).size());
}

TEST_F(Balancing, TwoGroupsSideBySideAreOrderedEachByItself) {
  std::array<Upstream, 2> others;
  others[0].group = others[1].group = "cpu";
  others[0].name = "cpu@a:1";
  others[1].name = "cpu@b:1";
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    Route all{&addresses_[0], &addresses_[1], &others[0], &others[1]};
    balance(all, {book_, 0, draw, now_});
    EXPECT_EQ("gpu", all[0]->group);
    EXPECT_EQ("gpu", all[1]->group);
    EXPECT_EQ("cpu", all[2]->group);
  }
}

}  // namespace
}  // namespace tasklane
