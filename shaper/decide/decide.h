// Class and request in, treatment out: the first rule whose `when` matches decides; none: original,
// untouched.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "shaper/classify/classification.h"
#include "shaper/decide/config.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/http/request_head.h"

namespace tasklane {

struct DecideInput {
  const RequestHead& head;
  Endpoint endpoint;
  const BodyFacts* body = nullptr;
  std::uint64_t body_size = 0;
  const Classification& classification;
  std::string_view client;  // address without port
};

// Points into the Config: valid while it lives.
struct Decision {
  const Rule* rule = nullptr;          // null: no rule matched
  std::vector<const Upstream*> route;  // in order; never empty
  [[nodiscard]] bool untouched() const { return rule == nullptr; }
};

// Compaction is never redirected, changed or answered, whatever a rule says.
Decision decide(const Config& config, const DecideInput& input);

// Whether some rule could match this head only by looking into its body: then the relay reads it first.
bool needs_body(const Config& config, const RequestHead& head, Endpoint endpoint, std::string_view client);
// Whether some rule tests what a JSON pointer names: then decide() may take as long as the body is.
bool looks_into_bodies(const Config& config);

}  // namespace tasklane
