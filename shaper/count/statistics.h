// What happened, counted: by class and upstream. No text of any request.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "shaper/base/request_class.h"
#include "shaper/base/time.h"
#include "shaper/classify/classification.h"
#include "shaper/count/histogram.h"

namespace tasklane {

enum class Outcome { answered, client_gone, failed };

struct Row {
  std::uint64_t requests = 0;  // begun
  std::uint64_t in_flight = 0;
  std::uint64_t redirected = 0;   // not to the original
  std::uint64_t failed_over = 0;  // passed on from this upstream to the next
  std::uint64_t answered = 0;
  std::uint64_t client_gone = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes_up = 0;    // to the model
  std::uint64_t bytes_down = 0;  // to the client
  Histogram ttft;                // request complete here to first body byte of the answer
  Histogram total;               // request complete here to last byte of the answer
};

struct RelayCounters {
  std::uint64_t connections = 0;
  std::uint64_t open_connections = 0;
  std::uint64_t tunnels = 0;
  std::uint64_t refused_requests = 0;     // 400: ambiguous framing
  std::uint64_t over_limit = 0;           // 413, 431, connection limit
  std::uint64_t unclassified_large = 0;   // body past max_body
  std::uint64_t upstream_reconnects = 0;  // a pooled connection found closed, replaced unseen
  std::uint64_t task_shaped_unrecognised = 0;
  std::uint64_t constraint_refused = 0;  // asked again without what the server answered 400 to
  std::uint64_t json_answers = 0;        // of models, to tasks that want an object
  std::uint64_t json_unreadable = 0;     // of them without it, which the front end cannot read
  std::uint64_t gave_way = 0;            // went as a chat, shown to be a task by its chat, and waited as one
};

class Statistics {
 public:
  Row& row(RequestClass request_class, const std::string& upstream) {
    return rows_[{request_class, upstream}];
  }
  RelayCounters& relay() { return relay_; }
  void count_evidence(Evidence evidence) { ++evidence_[evidence]; }

  // {"classes": [{"class","upstream","requests",...,"ttft_ms":{"p50","p95","p99","max"},...}], "relay":
  // {...}, ...}
  [[nodiscard]] nlohmann::json to_json() const;
  [[nodiscard]] const std::map<std::pair<RequestClass, std::string>, Row>& rows() const { return rows_; }
  [[nodiscard]] const RelayCounters& relay() const { return relay_; }
  [[nodiscard]] const std::map<Evidence, std::uint64_t>& evidence() const { return evidence_; }

 private:
  std::map<std::pair<RequestClass, std::string>, Row> rows_;
  std::map<Evidence, std::uint64_t> evidence_;
  RelayCounters relay_;
};

}  // namespace tasklane
