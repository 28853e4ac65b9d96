// Each counted figure has one row; the table of columns in the documents says the same. How the figures come
// out is told by statistics_test, tests/control/metrics_test and tests/tools/stats_test.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "shaper/count/lane_counters.h"
#include "shaper/count/statistics.h"
#include "support/documents.h"

namespace tasklane {
namespace {

using testing::HasSubstr;

template <class Owner, std::size_t N>
void expect_names(const std::array<Figure<Owner>, N>& figures) {
  std::set<std::string_view> names;
  std::set<std::string_view> columns;
  for (const Figure<Owner>& figure : figures) {
    EXPECT_TRUE(names.insert(figure.json).second) << figure.json << " is there twice";
    EXPECT_FALSE(figure.help.empty()) << figure.json;
    const bool new_title = figure.column.title.empty() || columns.insert(figure.column.title).second;
    EXPECT_TRUE(new_title) << figure.column.title << " is there twice";
    const bool time = std::holds_alternative<Duration Owner::*>(figure.place);
    EXPECT_EQ(figure.json.ends_with("_seconds"), time) << figure.json << ": the unit stands in the name";
  }
}

TEST(TheTablesOfFigures, NameEachOnceAndSayWhatItIs) {
  expect_names(row_figures);
  expect_names(relay_figures);
  expect_names(lane_figures);
  expect_names(rewarm_figures);
}

TEST(TheTablesOfFigures, AreWhatTheDocumentsSayOfTheColumns) {
  std::vector<std::string> documented;
  std::map<std::string, std::string> said;
  for (const auto& cells : test::documented_table("lane columns")) {
    std::istringstream titles(cells.at(0));
    for (std::string title; std::getline(titles >> std::ws, title, ',');) {
      documented.push_back(title);
      said[title] = cells.at(1);
    }
  }
  std::vector<std::string> columns;
  for (const auto& figure : lane_figures) {
    if (figure.column.title.empty()) continue;
    columns.emplace_back(figure.column.title);
    if (!figure.metric.empty()) continue;
    EXPECT_THAT(said[columns.back()], HasSubstr(std::string(figure.help))) << figure.column.title;
  }
  EXPECT_EQ(documented, columns);
}

}  // namespace
}  // namespace tasklane
