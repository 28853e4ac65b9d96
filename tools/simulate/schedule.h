// When people act: in virtual time or in real time.
#pragma once

#include <functional>

#include "shaper/base/time.h"

namespace tasklane::simulate {

class Schedule {
 public:
  virtual ~Schedule() = default;
  [[nodiscard]] virtual Time now() const = 0;
  virtual void after(Duration delay, std::function<void()> action) = 0;
};

}  // namespace tasklane::simulate
