// What every connection of the relay shares. One thread; nothing here is locked.
#pragma once

#include <cstdint>
#include <memory>

#include "shaper/classify/classifier.h"
#include "shaper/count/statistics.h"
#include "shaper/decide/config.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/canonical.h"
#include "shaper/server/book.h"
#include "shaper/task/answer_cache.h"
#include "shaper/task/kept_chats.h"
#include "userspace/serve/lanes.h"
#include "userspace/serve/late_echo.h"
#include "userspace/serve/opened_ahead.h"
#include "userspace/serve/own_requests.h"
#include "userspace/serve/residency_look.h"
#include "userspace/serve/sample_collector.h"
#include "userspace/serve/services.h"
#include "userspace/wire/io.h"
#include "userspace/wire/memory_budget.h"
#include "userspace/wire/side_thread.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

class DialectProbe;
class Rewarmer;
class SlotProbe;
class Steering;

struct RelayContext {
  asio::io_context& io;
  std::shared_ptr<const Config> config;  // replaced on reload with its services; a request keeps both
  Classifier& classifier;
  BodyReader& body_reader;
  Statistics& statistics;
  UpstreamConnections& upstreams;
  Lanes& lanes;
  Canonical canonical;
  Book book{};
  AnswerCache answers{};
  KeptChats chats{};
  LateEcho late_echo{};
  SampleCollector samples{};
  MemoryBudget memory{config->limits.memory.bytes};  // for requests and answers
  OwnRequests own{};
  LooksUnderWay looks{};
  OpenedAhead ahead{io};
  std::shared_ptr<const Services> services = std::make_shared<Services>();  // those of `config`
  bool ending = false;  // no more requests are taken, but those that come on connections that stand
  bool bypass = false;  // everything passes untouched; see set_bypass()
  RequestId last_request_id = 0;
  std::uint64_t open_connections = 0;
  Rewarmer* rewarmer = nullptr;           // null: no prompt is kept in mind
  SlotProbe* slot_probe = nullptr;        // null: every server has one slot
  DialectProbe* dialect_probe = nullptr;  // null: nobody is asked what it speaks
  const Steering* steering = nullptr;     // null: nothing is steered
  SideThread side{io};                    // the last: what it does reads the rest

  void use(std::shared_ptr<const Config> read_again, Services of_it) {
    config = std::move(read_again);
    services = std::make_shared<Services>(std::move(of_it));
    memory.set_limit(config->limits.memory.bytes);
    book.configuration_read_again();
  }
};

}  // namespace tasklane
