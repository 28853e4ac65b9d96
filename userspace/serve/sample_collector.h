// Collects samples of requests that look like tasks and that no pack knows, while a person asks for them:
// in memory alone, bounded, gone when fetched or soon after.
#pragma once

#include <vector>

#include "shaper/base/time.h"
#include "shaper/classify/sample.h"

namespace tasklane {

class SampleCollector {
 public:
  // `seed` of the samples' starts, drawn by the caller.
  void start(Time until, bool texts, std::uint64_t seed);
  void see(const Classification& classification, const BodyFacts& body,
           const std::vector<std::shared_ptr<const Pack>>& packs, Time now);
  // Those that were collected; collecting ends.
  std::vector<TaskSample> take();
  // Called about once a second: forgets what nobody has fetched.
  void sweep(Time now);
  [[nodiscard]] bool collecting(Time now) const { return now < until_; }

 private:
  Time until_{};
  SampleWish wish_;
  std::vector<TaskSample> samples_;
};

}  // namespace tasklane
