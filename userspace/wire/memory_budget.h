// One budget for what all connections hold of requests and answers in memory together. A request that finds
// no room streams through unclassified, an answer passes as it comes: nobody waits for another's memory. One
// thread.
#pragma once

#include <cstdint>
#include <utility>

namespace tasklane {

class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t limit) : limit_(limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Below what is held already it only keeps more from being taken.
  void set_limit(std::uint64_t bytes) { limit_ = bytes; }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t held() const { return held_; }

 private:
  friend class MemoryShare;
  std::uint64_t limit_;
  std::uint64_t held_ = 0;
};

// What one request or answer holds of the budget, until it goes. The budget outlives it.
class MemoryShare {
 public:
  MemoryShare() = default;  // of no budget: everything has room
  explicit MemoryShare(MemoryBudget* budget) : budget_(budget) {}
  MemoryShare(MemoryShare&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), held_(std::exchange(other.held_, 0)) {}
  MemoryShare& operator=(MemoryShare&& other) noexcept {
    give_back();
    budget_ = std::exchange(other.budget_, nullptr);
    held_ = std::exchange(other.held_, 0);
    return *this;
  }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { give_back(); }

  // Holds so much in all from here on, where it held less. False: the budget has no room for that.
  bool hold(std::uint64_t bytes) {
    if (budget_ == nullptr || bytes <= held_) return true;
    const std::uint64_t more = bytes - held_;
    if (budget_->held_ + more > budget_->limit_) return false;  // held may be past the limit already
    budget_->held_ += more;
    held_ = bytes;
    return true;
  }
  // Holds so much more, whether or not there is room: what cannot be done without.
  void add(std::uint64_t bytes) {
    if (budget_ == nullptr) return;
    budget_->held_ += bytes;
    held_ += bytes;
  }
  void give_back() {
    if (budget_ != nullptr) budget_->held_ -= std::exchange(held_, 0);
  }

 private:
  MemoryBudget* budget_ = nullptr;
  std::uint64_t held_ = 0;
};

}  // namespace tasklane
