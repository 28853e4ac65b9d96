// What happened, counted: by class and upstream. No text of any request. A new figure is a field and its row
// in the table below it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "shaper/base/request_class.h"
#include "shaper/base/time.h"
#include "shaper/classify/classification.h"
#include "shaper/count/figure.h"
#include "shaper/count/histogram.h"

namespace tasklane {

enum class Outcome { answered, client_gone, failed };

// Of one class at one upstream.
struct Row {
  std::uint64_t requests = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t redirected = 0;
  std::uint64_t failed_over = 0;
  std::uint64_t answered = 0;
  std::uint64_t client_gone = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  Histogram ttft;
  Histogram total;
};

inline constexpr auto row_figures = std::to_array<Figure<Row>>({
    {&Row::requests, "requests", "tasklane_requests_total", "Requests begun", "REQUESTS"},
    {&Row::answered, "answered", "tasklane_answered_total", "Requests answered to their end", "ANSWERED"},
    {&Row::redirected, "redirected", "tasklane_redirected_total",
     "Requests sent to another upstream than the original", "REDIRECTED"},
    {&Row::failed_over, "failed_over", "tasklane_failed_over_total",
     "Requests handed over to the next upstream", "FAILED OVER"},
    {&Row::client_gone, "client_gone", "tasklane_client_gone_total", "Requests whose client left"},
    {&Row::failed, "failed", "tasklane_failed_total", "Requests that failed", "FAILED"},
    {&Row::in_flight, "in_flight", "tasklane_requests_in_flight", "Requests under way", "IN FLIGHT",
     FigureKind::gauge},
    {&Row::bytes_up, "bytes_up", "tasklane_upstream_bytes_total", "Bytes sent to upstreams", "UP",
     FigureKind::counter, FigureUnit::bytes},
    {&Row::bytes_down, "bytes_down", "tasklane_client_bytes_total", "Bytes sent to clients", "DOWN",
     FigureKind::counter, FigureUnit::bytes},
    {&Row::ttft, "ttft_ms", "tasklane_ttft_seconds", "From the complete request to the answer's first byte",
     "TTFT"},
    {&Row::total, "total_ms", "tasklane_request_seconds", "From the complete request to the answer's end",
     "TOTAL"},
});
static_assert(bytes_in(row_figures) == sizeof(Row), "a figure for each field");

// Of the agent as a whole.
struct RelayCounters {
  std::uint64_t connections = 0;
  std::uint64_t open_connections = 0;
  std::uint64_t tunnels = 0;
  std::uint64_t refused_requests = 0;  // with 400
  std::uint64_t over_limit = 0;        // 413, 431, or max_connections
  std::uint64_t unclassified_large = 0;
  std::uint64_t upstream_reconnects = 0;  // the client saw nothing of it
  std::uint64_t task_shaped_unrecognised = 0;
  std::uint64_t constraint_refused = 0;
  std::uint64_t json_answers = 0;
  std::uint64_t json_unreadable = 0;
  std::uint64_t gave_way = 0;  // and waited as tasks from there on
  std::uint64_t grafted = 0;
  std::uint64_t graft_refused = 0;
  std::uint64_t graft_tokens_spared = 0;
  std::uint64_t priority_refused = 0;
};

inline constexpr auto relay_figures = std::to_array<Figure<RelayCounters>>({
    {&RelayCounters::connections, "connections", "tasklane_connections_total", "Client connections accepted"},
    {&RelayCounters::tunnels, "tunnels", "tasklane_tunnels_total", "Connections passed on unread"},
    {&RelayCounters::refused_requests, "refused_requests", "tasklane_refused_requests_total",
     "Requests refused for ambiguous framing"},
    {&RelayCounters::over_limit, "over_limit", "tasklane_over_limit_total",
     "Requests and connections over a limit"},
    {&RelayCounters::unclassified_large, "unclassified_large", "tasklane_unclassified_large_total",
     "Bodies past max_body"},
    {&RelayCounters::constraint_refused, "constraint_refused", "tasklane_constraint_refused_total",
     "Errors to tasks that were changed, asked again as their clients sent them"},
    {&RelayCounters::gave_way, "gave_way", "tasklane_gave_way_total",
     "Requests that went as chats and were shown to be tasks by their chats"},
    {&RelayCounters::grafted, "grafted", "tasklane_grafted_total",
     "Tasks answered on top of the chat that they quote"},
    {&RelayCounters::graft_refused, "graft_refused", "tasklane_graft_refused_total",
     "Of those that were asked so, without an answer of use: asked again by their own prompts"},
    {&RelayCounters::graft_tokens_spared, "graft_tokens_spared", "tasklane_graft_tokens_spared_total",
     "Prompt tokens that models had not to read for them"},
    {&RelayCounters::priority_refused, "priority_refused", "tasklane_priority_refused_total",
     "Priorities of tasks that a server refused: for an hour they wait for its chats"},
    {&RelayCounters::json_answers, "json_answers", "tasklane_json_answers_total",
     "Models' answers to tasks that want a JSON object"},
    {&RelayCounters::json_unreadable, "json_unreadable", "tasklane_json_unreadable_total",
     "Of them those without it, which the front end cannot read"},
    {&RelayCounters::upstream_reconnects, "upstream_reconnects", "tasklane_upstream_reconnects_total",
     "Kept upstream connections found closed"},
    {&RelayCounters::task_shaped_unrecognised, "task_shaped_unrecognised",
     "tasklane_task_shaped_unrecognised_total", "Requests shaped like a task, taken for a chat"},
    {&RelayCounters::open_connections, "open_connections", "tasklane_open_connections",
     "Client connections open", "", FigureKind::gauge},
});
static_assert(bytes_in(relay_figures) == sizeof(RelayCounters), "a figure for each field");

class Statistics {
 public:
  Row& row(RequestClass request_class, const std::string& upstream) {
    return rows_[{request_class, upstream}];
  }
  RelayCounters& relay() { return relay_; }
  void count_evidence(Evidence evidence) { ++evidence_[evidence]; }
  void count_certainty(Certainty certainty) { ++certainty_[certainty]; }

  // {"classes": [{"class","upstream","requests",...,"ttft_ms":{"p50","p95","p99","max"},...}], "relay":
  // {...}, ...}
  [[nodiscard]] nlohmann::json to_json() const;
  [[nodiscard]] const std::map<std::pair<RequestClass, std::string>, Row>& rows() const { return rows_; }
  [[nodiscard]] const RelayCounters& relay() const { return relay_; }
  [[nodiscard]] const std::map<Evidence, std::uint64_t>& evidence() const { return evidence_; }
  [[nodiscard]] const std::map<Certainty, std::uint64_t>& certainty() const { return certainty_; }

 private:
  std::map<std::pair<RequestClass, std::string>, Row> rows_;
  std::map<Evidence, std::uint64_t> evidence_;
  std::map<Certainty, std::uint64_t> certainty_;
  RelayCounters relay_;
};

}  // namespace tasklane
