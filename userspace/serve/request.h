// A request as it is served: what was received, and the configuration it began with.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shaper/classify/classification.h"
#include "shaper/decide/config.h"
#include "userspace/wire/request_reader.h"

namespace tasklane {

struct Request : ReceivedRequest {
  RequestId id = 0;
  std::shared_ptr<const Config> config;
  std::string verdict = {};           // how it was judged: "class=title; lane=background; ..."
  std::optional<Time> asked_at = {};  // an upstream, for the first time
};

}  // namespace tasklane
