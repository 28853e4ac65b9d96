// The JSON Schema of the configuration, as an editor would apply it.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace tasklane::test {

class ConfigSchema {
 public:
  ConfigSchema() {
    std::ifstream in(TASKLANE_SOURCE_DIR "/config/tasklane.schema.json");
    const nlohmann::json document = nlohmann::json::parse(in);
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(document), schema_);
  }
  [[nodiscard]] bool allows(const nlohmann::json& config) const {
    return valijson::Validator().validate(schema_, valijson::adapters::NlohmannJsonAdapter(config), nullptr);
  }

 private:
  valijson::Schema schema_;
};

}  // namespace tasklane::test
