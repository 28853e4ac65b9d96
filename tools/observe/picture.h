// What was observed, for a person and for a program. No text of any request, no address and no credential is
// in either.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "shaper/observe/observation.h"

namespace tasklane::observe {

// Where the packets came from.
struct Source {
  std::string name;  // a file, or a device
  bool live = false;
  std::uint64_t lost = 0;  // packets, by the kernel
  std::string cut_short;   // of a file: what is wrong behind its last packet
};

// Ports, the second server on one with a number: "11434", "11434 (2)".
class ServerNames {
 public:
  explicit ServerNames(const std::deque<ObservedRequest>& requests);
  [[nodiscard]] std::string of(const SocketName& server) const;

 private:
  std::map<SocketName, std::string> names_;
};

nlohmann::ordered_json request_json(const ObservedRequest& request, const ServerNames& servers);
// {"version", "capture", "classes": [...], "waits", "prefix", "requests": [...]}.
nlohmann::ordered_json picture_json(const Observation& observation, const Source& source);
std::string picture_table(const Observation& observation, const Source& source);

}  // namespace tasklane::observe
