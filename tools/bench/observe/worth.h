// What a replay is worth: people at a simulated model of known rates are written down as packets, observed,
// fitted and replayed by rules, and held against the same people with these rules in the lanes.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/bench/observe/day.h"

namespace tasklane::bench {

struct Day {
  double packets = 0;
  Seen seen;
};
Day write_day(const HostOptions& host, const std::string& file);

// Of a capture of `host`: what fitting and replaying it take, and how far the rates are from the right ones.
nlohmann::ordered_json replaying(const HostOptions& host, const std::string& file);

// A row for each profile, seed, number of slots and kind of cache. `file` is written over and over.
nlohmann::ordered_json predictions(HostOptions host, unsigned seeds, const std::string& file);

template <class Work>
double seconds_for(const Work& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace tasklane::bench
