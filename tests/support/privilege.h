// A machine with less privilege or an older kernel, for one thread and a while.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>

namespace tasklane::test {

// While it lives, this thread has no other effective capabilities than these (CAP_BPF, ...).
class OnlyCapabilities {
 public:
  explicit OnlyCapabilities(std::initializer_list<int> capabilities);
  ~OnlyCapabilities();
  OnlyCapabilities(const OnlyCapabilities&) = delete;
  OnlyCapabilities& operator=(const OnlyCapabilities&) = delete;

 private:
  std::uint64_t before_;
};

// From here on the kernel answers this thread's (and what it starts) bpf(command, ...) with `error`, as one
// does that lacks the feature. `command` -1: any. There is no way back. Whether it could be had.
bool make_bpf_fail(int command, int error);

// Does the work in a thread where the kernel answers bpf(command, ...) with `error`, as one does that lacks
// the feature. `command` -1: any.
void where_bpf_fails(int command, int error, const std::function<void()>& work);

}  // namespace tasklane::test
