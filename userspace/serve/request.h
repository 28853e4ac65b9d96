// A request as it is served: what was received, and the configuration it began with.
#pragma once

#include <memory>

#include "shaper/classify/classification.h"
#include "shaper/decide/config.h"
#include "userspace/wire/request_reader.h"

namespace tasklane {

struct Request : ReceivedRequest {
  RequestId id = 0;
  std::shared_ptr<const Config> config;
};

}  // namespace tasklane
