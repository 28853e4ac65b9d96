// What a server speaks of which nobody says it: it is asked once, off any request's way.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shaper/base/time.h"
#include "userspace/serve/own_question.h"
#include "userspace/serve/relay_context.h"

namespace tasklane {

class DialectProbe {
 public:
  // A server that does not answer within `longest_answer` is asked again when a request wants it.
  explicit DialectProbe(RelayContext& context, Duration longest_answer = std::chrono::seconds(5))
      : context_(context), longest_answer_(longest_answer) {}

  // A request may go to these: asks those of which it is not known. Never waits.
  void look(const std::vector<const Upstream*>& route);
  // All of the configuration, when it is new.
  void look_at_all();

 private:
  struct Asked {
    std::shared_ptr<const Config> config;
    std::shared_ptr<const Services> services;
    const Upstream* upstream;
  };
  void look_at(const Upstream& upstream);
  Awaitable<void> ask(Asked asked);
  Awaitable<OwnAnswer> get(Asked asked, std::string path);

  RelayContext& context_;
  Duration longest_answer_;
  std::map<std::string, Time> asked_;  // when last
};

}  // namespace tasklane
