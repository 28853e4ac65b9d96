// What is known of one request that was seen on its way: class, times, sizes, what the server said of its
// work, and whose it is by keyed hashes. No text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shaper/classify/classification.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/figures.h"
#include "shaper/observe/http_flows.h"
#include "shaper/observe/prompt_print.h"
#include "shaper/observe/quoted_lines.h"

namespace tasklane::observe {

// A task that a chat may have waited for: it was at the same server while the chat waited for its first
// token.
struct WaitedFor {
  RequestId id = 0;
  RequestClass request_class = RequestClass::other;
  Duration together{};
};

struct Waits {
  Duration behind_tasks{};  // of the time to the first token; no more than the server did not compute it
  std::vector<WaitedFor> tasks;
};

// What became of the prompt cache between two turns of a chat.
struct PrefixFinding {
  RequestId earlier = 0;            // the turn before
  std::size_t parts = 0;            // of the earlier prompt
  std::size_t same = 0;             // of them unchanged, from the beginning
  std::optional<PartRole> changed;  // the first that differs; none: this prompt goes on from the earlier one
  double could_reuse = 0;           // of this prompt's bytes, those that stood at an earlier one's beginning
  std::optional<double> reused;     // as the server told, or as its times tell
  bool told = false;
  bool fell_out = false;              // it was there and was computed anew
  std::vector<RequestClass> between;  // what the server was asked between the two turns
};

// Of a suggestion: what is typed, to know who replaces whom.
struct TypedSoFar {
  std::uint64_t hash = 0;
  std::size_t bytes = 0;
  RequestId goes_on_from = 0;  // the request whose text this one continues
};

struct ObservedRequest {
  RequestId id = 0;
  Classification found;  // without reasons
  Endpoint endpoint;
  SocketName client, server;
  std::string path;  // without query
  std::string model;
  bool stream = false;
  bool has_format = false;
  std::optional<double> token_limit;
  PromptPrint prompt;
  std::vector<QuotedLine> quotes;  // of a chat, in the last user message
  std::uint64_t load_options = 0;  // a hash
  TypedSoFar typed;

  Time begun;                       // the request's first byte
  Time whole;                       // and its last
  std::optional<Time> first_byte;   // of the answer's body
  std::optional<Time> first_token;  // of a stream; else as first_byte
  std::optional<Time> ended;
  Ending how = Ending::not_seen;
  int status = 0;
  bool failed = false;                         // an error status, or an error in the stream
  std::uint64_t bytes_up = 0, bytes_down = 0;  // bodies
  UpstreamFigures figures;

  Waits waits;
  std::optional<PrefixFinding> prefix;

  [[nodiscard]] RequestClass request_class() const { return found.request_class; }
  [[nodiscard]] bool done() const { return ended.has_value(); }
  [[nodiscard]] bool answered() const { return done() && how == Ending::whole && !failed; }
};

}  // namespace tasklane::observe
