// What was observed as a list of requests, to be kept and replayed: as JSON lines, with times, classes,
// sizes, tokens, and tenants and conversations as keyed hashes; no text.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/observe/observation.h"

namespace tasklane::observe {

struct Trace {
  std::string source;
  std::vector<ObservedRequest> requests;  // in the order in which they were whole; ended ones alone
};

Trace trace_of(const Observer& observer, const std::string& source);

// The first line says what the file is.
void write_trace(const Trace& trace, std::ostream& out);
// Error: not what write_trace() writes, with file and line.
Result<Trace> read_trace(std::istream& in, const std::string& source);

// A capture, or exported JSON lines, by what stands in it.
Result<Trace> load_trace(const std::string& file, const std::vector<std::string>& packs,
                         const std::set<std::uint16_t>& ports);

}  // namespace tasklane::observe
