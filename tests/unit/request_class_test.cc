// What is known of a class stands in one row; packs and documents say the same. These fail where a
// new class is missing somewhere.
#include "shaper/base/request_class.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "shaper/classify/pack.h"
#include "support/documents.h"

namespace tasklane {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const RequestClass each : all_request_classes) names.emplace_back(to_text(each));
  return names;
}

TEST(RequestClasses, AreFoundByTheirNames) {
  for (const RequestClass each : all_request_classes) EXPECT_EQ(request_class_from(to_text(each)), each);
  EXPECT_FALSE(request_class_from("chats"));
  for (const Lane each : all_lanes) EXPECT_EQ(lane_from(to_text(each)), each);
}

TEST(RequestClasses, AreTasksWhereTheirLaneIsNotTheChats) {
  EXPECT_TRUE(is_task(RequestClass::task));
  EXPECT_TRUE(is_task(RequestClass::query)) << "a person waits for it, and it is a task all the same";
  for (const RequestClass each : {RequestClass::chat, RequestClass::moa, RequestClass::compaction,
                                  RequestClass::embedding, RequestClass::admin, RequestClass::other})
    EXPECT_FALSE(is_task(each)) << to_text(each);
}

TEST(RequestClasses, HaveASchemaOfTheObjectThatTheirPromptsAskFor) {
  for (const RequestClass each : all_request_classes) {
    const ClassRow& row = class_row(each);
    if (row.contract.key.empty()) continue;
    const json schema = json::parse(row.schema);
    const std::string key(row.contract.key);
    const bool list = row.contract.value == AnswerContract::Value::list;
    EXPECT_EQ(schema.at("required"), json::array({key})) << row.name;
    EXPECT_EQ(schema.at("properties").at(key).at("type"), list ? "array" : "string") << row.name;
    EXPECT_FALSE(schema.at("additionalProperties")) << row.name;
  }
}

TEST(RequestClasses, StandInTheReferenceOfWhatARuleMayAskFor) {
  std::vector<std::string> named;
  for (const auto& cells : test::documented_table("when"))
    if (cells.at(0) == "`class`") {
      static const std::regex word("[a-z_]+");
      for (std::sregex_iterator at(cells.at(1).begin(), cells.at(1).end(), word), end; at != end; ++at)
        named.push_back(at->str());
    }
  std::erase(named, "or");
  EXPECT_EQ(named, all_names());
}

TEST(RequestClasses, ThatAreTasksAreKnownToThePackOfTheFrontEnd) {
  const std::shared_ptr<const Pack> pack = find_packs({"open-webui"}, {}).value().front();
  for (const RequestClass each : all_request_classes) {
    if (!is_task(each) || each == RequestClass::task) continue;
    EXPECT_TRUE(std::any_of(pack->entries.begin(), pack->entries.end(),
                            [&](const PackEntry& entry) { return entry.request_class == each; }))
        << "no entry for " << to_text(each);
  }
}

TEST(RequestClasses, GiveThePackTheKeyByWhichAnEchoTellsThem) {
  const std::shared_ptr<const Pack> pack = find_packs({"open-webui"}, {}).value().front();
  std::set<RequestClass> keyed;
  for (const Contract& contract : pack->contracts) {
    keyed.insert(contract.request_class);
    ASSERT_EQ(contract.asks.size(), 1u);
    EXPECT_EQ(contract.asks.front().asks, class_row(contract.request_class).contract.key);
  }
  for (const RequestClass each : all_request_classes)
    EXPECT_EQ(keyed.contains(each), !class_row(each).contract.key.empty()) << to_text(each);
}

}  // namespace
}  // namespace tasklane
