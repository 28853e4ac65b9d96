// The tables of config/README.md name what the JSON schema of the configuration knows, and the program reads
// it. What a table says of lane settings and of classes is told by the tests beside their tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "shaper/decide/config.h"
#include "shaper/server/engine.h"
#include "support/documents.h"

namespace tasklane {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using Words = std::set<std::string>;

const json& schema() {
  static const json read = [] {
    std::ifstream in(TASKLANE_BUILD_DIR "/schema/tasklane.schema.json");
    return json::parse(in);
  }();
  return read;
}

Words names_in(const json& properties) {
  Words names;
  for (const auto& [name, value] : properties.items()) names.insert(name);
  return names;
}

// The words in the first column of a table, without what stands behind a dot: "`heartbeat.stale`".
Words first_column(const std::string& table) {
  Words names;
  for (const auto& cells : test::documented_table(table))
    for (const std::string& word : test::marked_words(cells.at(0)))
      names.insert(word.substr(0, word.find('.')));
  return names;
}

std::string row_of(const std::string& table, const std::string& name) {
  for (const auto& cells : test::documented_table(table))
    if (cells.at(0) == "`" + name + "`") return cells.at(1);
  ADD_FAILURE() << "no row of `" << name << "`";
  return "";
}

TEST(TheReference, NamesEachFieldOfAConfiguration) {
  Words known = names_in(schema().at("properties"));
  for (const char* of_its_form : {"$schema", "version", "rules"}) known.erase(of_its_form);
  EXPECT_EQ(first_column("configuration"), known);
}

TEST(TheReference, NamesEachLimitAndWhatHoldsWithoutIt) {
  const std::string said = row_of("configuration", "limits");
  for (const auto& [name, value] : schema().at("/properties/limits/properties"_json_pointer).items()) {
    const json preset = value.at("default");
    const std::string text = preset.is_string() ? preset.get<std::string>() : preset.dump();
    EXPECT_THAT(said, HasSubstr("`" + name + "` (" + text));
  }
}

TEST(TheReference, NamesEachTestOfARequest) {
  EXPECT_EQ(first_column("when"), names_in(schema().at("/definitions/when/properties"_json_pointer)));
}

TEST(TheReference, NamesEachFieldOfAnUpstream) {
  const Words of_services = first_column("services");
  const std::string said = row_of("configuration", "upstreams");
  Words known = names_in(schema().at("/definitions/upstream/properties"_json_pointer));
  known.merge(names_in(schema().at("/definitions/original/properties"_json_pointer)));
  for (const std::string& name : of_services) EXPECT_TRUE(known.contains(name)) << name;
  for (const std::string& name : known)
    EXPECT_TRUE(of_services.contains(name) || said.find("`" + name + "`") != std::string::npos ||
                said.find("\"" + name + "\"") != std::string::npos)
        << "neither the table of services nor the row of `upstreams` names `" << name << "`";
}

TEST(TheReference, NamesEachEngine) {
  Words known;
  for (const EngineRow& row : engine_rows)
    if (!row.name.empty()) known.emplace(row.name);
  EXPECT_EQ(first_column("engines"), known);
  EXPECT_EQ(schema().at("/definitions/engine/enum"_json_pointer).get<Words>(), known);
}

// A value of no field's type: what the program says of it is another thing than that nobody knows the field.
TEST(TheProgram, KnowsEachFieldOfTheSchema) {
  const auto of_no_type = [](const Words& names) {
    json object = json::object();
    for (const std::string& name : names) object[name] = 0.5;
    return object;
  };
  json config = of_no_type(names_in(schema().at("properties")));
  config["upstreams"] = json::object();
  config["upstreams"]["other"] =
      of_no_type(names_in(schema().at("/definitions/upstream/properties"_json_pointer)));
  const auto read = parse_config(config.dump(), "tasklane.json");
  ASSERT_FALSE(read.has_value());
  EXPECT_THAT(read.error().text(), Not(HasSubstr("unknown key")));
}

}  // namespace
}  // namespace tasklane
