#include "tests/support/json_schema.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace tasklane::test {

using valijson::adapters::NlohmannJsonAdapter;

struct JsonSchema::Read {
  valijson::Schema schema;
};

JsonSchema::JsonSchema(const std::string& file) : read_(std::make_unique<Read>()) {
  std::ifstream in(TASKLANE_BUILD_DIR "/schema/" + file);
  const nlohmann::json schema = nlohmann::json::parse(in);
  valijson::SchemaParser().populateSchema(NlohmannJsonAdapter(schema), read_->schema);
}

JsonSchema::~JsonSchema() = default;

bool JsonSchema::allows(const nlohmann::json& document) const {
  return valijson::Validator().validate(read_->schema, NlohmannJsonAdapter(document), nullptr);
}

}  // namespace tasklane::test
