// A JSON Schema of config/, as an editor would apply it.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tasklane::test {

class JsonSchema {
 public:
  // Of one that the build makes of config/FILE.in.
  explicit JsonSchema(const std::string& file);
  ~JsonSchema();
  [[nodiscard]] bool allows(const nlohmann::json& document) const;

 private:
  struct Read;
  std::unique_ptr<Read> read_;
};

}  // namespace tasklane::test
