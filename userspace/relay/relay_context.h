// What every connection of the relay shares. One thread; nothing here is locked.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "shaper/admit/slice_worth.h"
#include "shaper/answer/answer_cache.h"
#include "shaper/classify/classifier.h"
#include "shaper/count/statistics.h"
#include "shaper/decide/config.h"
#include "shaper/read/body.h"
#include "shaper/rewrite/align.h"
#include "shaper/rewrite/canonical.h"
#include "shaper/rewrite/constraint_memory.h"
#include "userspace/relay/io.h"
#include "userspace/relay/lanes.h"
#include "userspace/relay/late_echo.h"
#include "userspace/relay/sample_collector.h"
#include "userspace/relay/upstream.h"

namespace tasklane {

class Rewarmer;
class SlotProbe;
class Steering;

struct RelayContext {
  asio::io_context& io;
  std::shared_ptr<const Config> config;  // replaced whole on reload; a request keeps the one it began with
  Classifier& classifier;
  BodyReader& body_reader;
  Statistics& statistics;
  UpstreamConnections& upstreams;
  Lanes& lanes;
  Canonical canonical;
  ConstraintMemory constraints{};                     // by server and model
  std::map<std::string, LoadOptions> chat_options{};  // of the last chat, by server and model
  std::map<std::string, SliceWorth> slice_worth{};    // by server and model
  AnswerCache answers{};
  LateEcho late_echo{};
  SampleCollector samples{};
  bool bypass = false;  // everything passes untouched
  RequestId last_request_id = 0;
  std::uint64_t open_connections = 0;
  Rewarmer* rewarmer = nullptr;        // null: no prompt is kept in mind
  SlotProbe* slot_probe = nullptr;     // null: every server has one slot
  const Steering* steering = nullptr;  // null: nothing is steered

  // Whoever reads the configuration again may have changed a server too.
  void use(std::shared_ptr<const Config> read_again) {
    config = std::move(read_again);
    constraints.clear();
  }
};

// Where a client wanted to go.
struct Origin {
  bool steered = false;     // caught by the kernel program; else an ordinary listener
  TcpEndpoint destination;  // the steered socket's own address
  std::string host;         // of an ordinary listener's `to`
  std::uint16_t port = 0;
};

}  // namespace tasklane
