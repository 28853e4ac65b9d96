// Statistics and steering counters, as JSON and in Prometheus' text format.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "shaper/admit/admission.h"
#include "shaper/base/money.h"
#include "shaper/count/statistics.h"

namespace tasklane {

// An upstream other than where clients wanted to go.
struct UpstreamState {
  std::string name;
  std::string health;            // "up", "down", "on trial"
  std::uint64_t openings = 0;    // how often it went down
  std::optional<Price> price{};  // none: it costs nothing
  Money paid_last_day{};
  Money paid{};                 // since the agent started
  std::string sent_off_host{};  // what of the text leaves the host for it; empty: nothing
};

// Prompts of which a model has read a part alone.
struct CutPromptsState {
  std::string client;  // address
  std::string model;
  std::uint64_t count = 0;
  std::uint64_t sent_at_least = 0;  // tokens of the last one
  std::uint64_t read = 0;           // of it
};

// Where it steers, if not in the agent's own network namespace.
struct FollowedPlace {
  std::string wanted = {};    // as the configuration says it; empty: its own
  std::string now = {};       // empty: it is gone
  std::uint64_t entered = 0;  // how often one was found: at the start, and each time that it came back
};

struct SteeringState {
  bool attached = false;
  bool bypassed = false;
  std::map<std::string, std::uint64_t> connections;  // by verdict
  std::vector<std::string> endpoints;                // where models listen, "address:port"
  FollowedPlace netns = {};
  std::optional<Duration> heartbeat_age = {};  // since the last sign of life; none: not attached, or silent
  const Admission* admission = nullptr;        // the lanes; null: none
  std::string suspended = {};                  // why new connections pass the agent now; empty: they do not
  std::uint64_t suspensions = 0;               // how often that began
  Duration longest_late{};                     // of the event loop, within the last minute
  Duration stale_after{};                      // without a heartbeat for so long it is passed by
  std::uint64_t max_connections = 0;           // as the descriptors allow
  std::uint64_t memory_held = 0;               // by requests that are read whole
  std::uint64_t memory_limit = 0;
  std::vector<UpstreamState> upstreams = {};
  std::vector<CutPromptsState> cut_prompts = {};
};

inline constexpr const char* prometheus_content_type = "text/plain; version=0.0.4; charset=utf-8";
std::string prometheus_text(const Statistics& statistics, const SteeringState& steering);
nlohmann::json stats_json(const Statistics& statistics, const SteeringState& steering);

}  // namespace tasklane
