// Why a request got its class, for whoever asks.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tasklane {

// Written only where somebody reads them.
class Reasons {
 public:
  Reasons(bool wanted, std::vector<std::string>& list) : wanted_(wanted), list_(list) {}

  template <class... Parts>
  void add(const Parts&... parts) {
    if (!wanted_) return;
    std::string line;
    (line.append(parts), ...);
    list_.push_back(std::move(line));
  }
  [[nodiscard]] bool wanted() const { return wanted_; }

 private:
  bool wanted_;
  std::vector<std::string>& list_;
};

}  // namespace tasklane
