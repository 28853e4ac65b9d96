// What if? Observed requests in virtual time through the agent's own rules, lanes and lives of tasks, on
// simulated servers as the observed ones were. What a person did stays: who asked next asks as long after an
// answer as they did, and who left had the same patience.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shaper/admit/admission.h"
#include "shaper/decide/config.h"
#include "tools/observe/server_model.h"

namespace tasklane::observe {

enum class SpanKind : std::uint8_t { held, queued, prefill, decode, cancelled };
std::string_view to_text(SpanKind kind);

struct Span {
  SpanKind kind = SpanKind::held;
  Time from, to;
};

// What became of one request.
struct Fate {
  RequestId id = 0;
  Time arrived;
  std::optional<Time> first_token, ended;
  Lane lane = Lane::interactive;
  std::string server;          // that answered it; empty: none
  bool without_model = false;  // answered empty, from memory, or by sharing
  bool left = false;           // its client lost patience
  unsigned cancelled = 0;      // so often for a chat
  std::vector<Span> spans;     // in order
  std::vector<std::pair<RequestId, Duration>>
      behind;  // of a chat: tasks at its server before its first token
};

struct ReplayResult {
  std::vector<Fate> fates;  // in the order of the trace; those that generate nothing are left out
  std::map<Lane, LaneCounters> lanes;
  RewarmCounters rewarm;
  std::uint64_t grafted = 0;                                             // tasks, on the chat that they quote
  std::map<std::string, std::uint64_t> requests_at, computed_tokens_at;  // by server
  std::uint64_t computed_tokens = 0;                                     // by all
};

struct ReplayOptions {
  const Config* config = nullptr;  // null: everything at once and as it came
  std::map<SocketName, ServerModel> servers;
  // Of an upstream that the trace has not: as the first server, so many times faster.
  double other_upstreams = 4;
};

// Error: a rule file whose packs cannot be found.
ReplayResult replay(const Trace& trace, const ReplayOptions& options);

}  // namespace tasklane::observe
