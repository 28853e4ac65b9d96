// What a server was seen to take of the constraints (shaper/task/constrain.h), by server and model. Forgotten
// after an hour, for a server may be a newer one then, and with the configuration. Bounded; in memory alone.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "shaper/base/time.h"

namespace tasklane {

// Which of the three a task is to carry, or a server is known to take.
struct Constraints {
  bool schema = true;
  bool cap = true;
  bool no_thinking = true;
  [[nodiscard]] bool any() const { return schema || cap || no_thinking; }
  bool operator==(const Constraints&) const = default;
};

class ConstraintMemory {
 public:
  // All of them where nothing else is known.
  [[nodiscard]] Constraints taken(const std::string& where, Time now) const;
  void remember(const std::string& where, Constraints taken, Time now);
  void clear() { known_.clear(); }
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    Constraints taken;
    Time until;
  };
  std::map<std::string, Known> known_;
};

}  // namespace tasklane
