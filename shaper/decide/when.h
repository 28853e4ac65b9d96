// The compiled tests of one rule. All that are given must hold; a rule without any matches everything.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/ip_network.h"
#include "shaper/base/request_class.h"
#include "shaper/base/units.h"

namespace tasklane {

// RE2 objects are shared, for they can be neither copied nor moved.
using Pattern = std::shared_ptr<const re2::RE2>;

// "*" is any text, "?" one character; the whole name must match.
Pattern compile_glob(std::string_view glob);

struct HeaderTest {
  std::string name;
  std::optional<std::string> equals;
  Pattern matches;  // anywhere in the value; neither this nor `equals`: the field is there
};

// A test on the value that a JSON pointer (RFC 6901) names in the body.
struct PointerTest {
  std::vector<std::string> path;  // the pointer's reference tokens, without escapes
  std::optional<nlohmann::json> equals;
  Pattern matches;  // anywhere in a text; neither this nor `equals`: the value is there
};

struct When {
  std::vector<RequestClass> classes;  // any of them; empty: any class. So for the next three
  std::vector<Pattern> paths;
  std::vector<Pattern> models;
  std::vector<IpNetwork> clients;
  std::optional<ByteSize> least_body;
  std::optional<ByteSize> most_body;
  std::optional<bool> stream;
  std::vector<HeaderTest> headers;  // all of them
  std::vector<PointerTest> body;    // all of them

  // Whether the body has to be read to tell.
  [[nodiscard]] bool looks_into_body() const { return !models.empty() || stream || !body.empty(); }
};

}  // namespace tasklane
