// A request as it is served: what was received, and the configuration it began with, with its services'
// keys, authorities and addresses.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shaper/classify/classification.h"
#include "shaper/decide/config.h"
#include "userspace/serve/services.h"
#include "userspace/wire/request_reader.h"

namespace tasklane {

struct Request : ReceivedRequest {
  RequestId id = 0;
  std::shared_ptr<const Config> config;
  std::shared_ptr<const Services> services;  // of `config`
  std::string verdict = {};                  // how it was judged: "class=title; lane=background; ..."
  std::optional<Time> asked_at = {};         // an upstream, for the first time
};

}  // namespace tasklane
