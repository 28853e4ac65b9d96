#include "userspace/serve/sample_collector.h"

#include <utility>

namespace tasklane {
namespace {

constexpr std::size_t most_samples = 256;
constexpr std::size_t longest_text = 32u << 10;
constexpr Duration kept_for = std::chrono::minutes(1);

}  // namespace

void SampleCollector::start(Time until, bool texts, std::uint64_t seed) {
  samples_.clear();
  until_ = until;
  wish_.text = texts;
  wish_.seed = seed;
}

void SampleCollector::see(const Classification& classification, const BodyFacts& body,
                          const std::vector<std::shared_ptr<const Pack>>& packs, Time now) {
  if (!collecting(now) || samples_.size() >= most_samples) return;
  std::optional<TaskSample> sample = sample_of(classification, body, packs, wish_);
  if (!sample || sample->text.size() > longest_text) return;
  samples_.push_back(std::move(*sample));
}

std::vector<TaskSample> SampleCollector::take() {
  until_ = {};
  return std::exchange(samples_, {});
}

void SampleCollector::sweep(Time now) {
  if (now >= until_ + kept_for) samples_.clear();
}

}  // namespace tasklane
