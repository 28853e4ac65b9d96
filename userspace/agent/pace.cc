#include "userspace/agent/pace.h"

namespace tasklane {
namespace {

// Clients that connect anew for each request do not wake it each time.
constexpr Duration awake_behind_the_last = std::chrono::seconds(1);
constexpr Duration between_sweeps = std::chrono::seconds(1);
constexpr Duration between_resources_at_rest = std::chrono::seconds(1);
constexpr Duration between_models_at_rest = std::chrono::milliseconds(300);
constexpr Duration between_questions_at_rest = std::chrono::seconds(2);

bool is_due(Time& last, Time at, Duration between) {
  if (at - last < between) return false;
  last = at;
  return true;
}

}  // namespace

Pace::Due Pace::beat(Time at, bool connected, Duration rest) {
  rest_ = rest;
  if (connected) awake_until_ = at + awake_behind_the_last;
  resting_ = at >= awake_until_;
  return {is_due(resources_, at, resting_ ? between_resources_at_rest : Duration::zero()),
          is_due(models_, at, resting_ ? between_models_at_rest : Duration::zero()),
          is_due(helper_, at, resting_ ? between_questions_at_rest : Duration::zero()),
          is_due(swept_, at, between_sweeps)};
}

}  // namespace tasklane
