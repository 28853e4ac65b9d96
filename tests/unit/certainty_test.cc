// What may be done to a request follows from how sure it is that nobody waits for it, and from nothing else.
#include "shaper/classify/certainty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace tasklane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(APower, OfANamedTaskIsAllThereIs) {
  EXPECT_THAT(power_of(Certainty::named, RequestClass::title).names(),
              ElementsAre("wait", "cancel", "constrain", "cap", "answer", "share", "redirect"));
}

TEST(APower, OfAnExactContractIsToWaitAndToGetItsOwnSchema) {
  EXPECT_THAT(power_of(Certainty::contract, RequestClass::tags).names(),
              ElementsAre("wait", "cancel", "constrain", "redirect"));
}

TEST(APower, OverWhatAPersonWaitsForIsNoneUnlessItIsNamed) {
  EXPECT_TRUE(power_of(Certainty::contract, RequestClass::query).nothing());
  EXPECT_TRUE(power_of(Certainty::learnt, RequestClass::query).nothing());
  EXPECT_FALSE(power_of(Certainty::named, RequestClass::query).nothing());
}

TEST(APower, OfALearntShapeIsToWait) {
  EXPECT_THAT(power_of(Certainty::learnt, RequestClass::task).names(), ElementsAre("wait"));
}

TEST(APower, OfAnEchoAloneIsNone) {
  for (const RequestClass each : all_request_classes) {
    EXPECT_THAT(power_of(Certainty::echo, each).names(), IsEmpty()) << to_text(each);
    EXPECT_THAT(power_of(Certainty::none, each).names(), IsEmpty()) << to_text(each);
  }
}

TEST(APower, OverWhatIsNoTaskIsNoneHoweverCertainItIs) {
  for (const RequestClass each : {RequestClass::chat, RequestClass::compaction, RequestClass::moa,
                                  RequestClass::other, RequestClass::embedding, RequestClass::admin})
    EXPECT_TRUE(power_of(Certainty::named, each).nothing()) << to_text(each);
}

TEST(APower, CanOnlyBecomeLess) {
  const Power all = power_of(Certainty::named, RequestClass::title);
  EXPECT_FALSE(all.without(May::share).may(May::share));
  EXPECT_TRUE(all.without(May::share).may(May::cap));
  EXPECT_TRUE(Power().without(May::wait).nothing());
  EXPECT_TRUE(Power().nothing());
}

TEST(APower, OfARuleIsToWaitAndToBeAskedAgain) {
  EXPECT_THAT(power_by_rule(true).names(), ElementsAre("wait", "cancel"));
  EXPECT_THAT(power_by_rule(false).names(), ElementsAre("wait"));
}

TEST(AStanding, InALaneIsHadByThePowerToWaitAlone) {
  const Power named = power_of(Certainty::named, RequestClass::title);
  EXPECT_EQ(Standing(Lane::background, named), Lane::background);
  EXPECT_TRUE(Standing(Lane::background, named).may(May::cancel));
  for (const Power& none :
       {Power(), power_of(Certainty::echo, RequestClass::title), named.without(May::wait)}) {
    EXPECT_EQ(Standing(Lane::background, none), Lane::interactive);
    EXPECT_FALSE(Standing(Lane::background, none).may(May::cancel))
        << "nothing is done to what waits for nobody";
  }
  EXPECT_EQ(Standing(), Lane::interactive);
}

TEST(APower, IsToldInALineForEachThingThatMayBeDone) {
  for (const Certainty each : all_certainties) {
    const auto lines = powers_in_words(each, RequestClass::title, true);
    ASSERT_EQ(lines.size(), all_powers.size());
    const Power power = power_of(each, RequestClass::title);
    for (std::size_t i = 0; i < lines.size(); ++i)
      EXPECT_EQ(!lines[i].starts_with("may not "), power.may(all_powers[i])) << lines[i];
  }
  EXPECT_THAT(powers_in_words(Certainty::named, RequestClass::compaction, true).front(),
              HasSubstr("no task"));
}

// Rows of the sheet: | certainty | ... | with "yes" or another word for each power, in order.
TEST(ThePowerTable, InThePacksReadmeIsTheOneInTheCode) {
  std::ifstream file(TASKLANE_SOURCE_DIR "/config/packs/README.md");
  ASSERT_TRUE(file);
  std::map<std::string, std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::stringstream cut(line);
    for (std::string cell; std::getline(cut, cell, '|');) {
      const auto begin = cell.find_first_not_of(" `");
      const auto end = cell.find_last_not_of(" `");
      cells.push_back(begin == std::string::npos ? "" : cell.substr(begin, end - begin + 1));
    }
    if (cells.size() == 3 + all_powers.size()) rows[cells[1]] = {cells.begin() + 3, cells.end()};
  }
  for (const Certainty each : all_certainties) {
    const auto row = rows.find(std::string(to_text(each)));
    ASSERT_NE(row, rows.end()) << to_text(each) << " has no row";
    for (std::size_t i = 0; i < all_powers.size(); ++i)
      EXPECT_EQ(row->second.at(i) != "no", power_of(each, RequestClass::title).may(all_powers[i]))
          << to_text(each) << ", " << to_text(all_powers[i]);
  }
}

}  // namespace
}  // namespace tasklane
