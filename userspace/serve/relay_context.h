// What every connection of the relay shares. One thread; nothing here is locked.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "shaper/classify/classifier.h"
#include "shaper/count/statistics.h"
#include "shaper/decide/config.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/canonical.h"
#include "shaper/server/align.h"
#include "shaper/server/constraint_memory.h"
#include "shaper/server/slice_worth.h"
#include "shaper/task/answer_cache.h"
#include "userspace/serve/lanes.h"
#include "userspace/serve/late_echo.h"
#include "userspace/serve/sample_collector.h"
#include "userspace/wire/io.h"
#include "userspace/wire/memory_budget.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

class Rewarmer;
class SlotProbe;
class Steering;

// A model on a server.
inline std::string model_key(const std::string& server, std::string_view model) {
  return server + " " + std::string(model);
}

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
  std::map<std::pair<std::string, Dialect>, SliceWorth> slice_worth{};  // by server and model, and dialect
  AnswerCache answers{};
  LateEcho late_echo{};
  SampleCollector samples{};
  MemoryBudget memory{config->limits.memory.bytes};  // for requests that are read whole
  bool bypass = false;                               // everything passes untouched; see set_bypass()
  RequestId last_request_id = 0;
  std::uint64_t open_connections = 0;
  Rewarmer* rewarmer = nullptr;        // null: no prompt is kept in mind
  SlotProbe* slot_probe = nullptr;     // null: every server has one slot
  const Steering* steering = nullptr;  // null: nothing is steered

  // Figures differ by dialect: Ollama tells less in OpenAI's.
  SliceWorth& slice_worth_of(const std::string& model_key, Dialect dialect) {
    constexpr std::size_t most = 256;
    const auto key = std::pair(model_key, dialect);
    if (slice_worth.size() >= most && !slice_worth.contains(key)) slice_worth.clear();
    return slice_worth[key];
  }

  // Whoever reads the configuration again may have changed a server too.
  void use(std::shared_ptr<const Config> read_again) {
    config = std::move(read_again);
    memory.set_limit(config->limits.memory.bytes);
    constraints.clear();
    slice_worth.clear();
  }
};

}  // namespace tasklane
