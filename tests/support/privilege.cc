#include "tests/support/privilege.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace tasklane::test {

namespace {

using Halves = std::array<__user_cap_data_struct, 2>;

Halves capabilities_now() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Halves halves{};
  if (::syscall(SYS_capget, &header, halves.data()) != 0) throw std::runtime_error("capget failed");
  return halves;
}

std::uint64_t effective_now() {
  const Halves halves = capabilities_now();
  return halves[0].effective | std::uint64_t{halves[1].effective} << 32;
}

bool set_effective(std::uint64_t effective) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  Halves halves = capabilities_now();
  halves[0].effective = static_cast<std::uint32_t>(effective);
  halves[1].effective = static_cast<std::uint32_t>(effective >> 32);
  return ::syscall(SYS_capset, &header, halves.data()) == 0;
}

constexpr std::uint32_t low_word = offsetof(seccomp_data, args);  // of the first argument; little-endian

}  // namespace

OnlyCapabilities::OnlyCapabilities(std::initializer_list<int> capabilities) : before_(effective_now()) {
  std::uint64_t wanted = 0;
  for (const int capability : capabilities) wanted |= 1ull << capability;
  if (!set_effective(wanted)) throw std::runtime_error("capset failed");
}

OnlyCapabilities::~OnlyCapabilities() {
  if (!set_effective(before_)) std::abort();
}

bool make_bpf_fail(int command, int error) {
  const auto refusal = SECCOMP_RET_ERRNO | (static_cast<std::uint32_t>(error) & SECCOMP_RET_DATA);
  const auto any = static_cast<std::uint8_t>(command < 0 ? 0 : 1);  // how far a foreign command jumps
  std::array<sock_filter, 6> rules{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_bpf, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_word),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(command), 0, any),
      BPF_STMT(BPF_RET | BPF_K, refusal),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

void where_bpf_fails(int command, int error, const std::function<void()>& work) {
  std::thread thread([&] {
    if (!make_bpf_fail(command, error)) std::abort();
    work();
  });
  thread.join();
}

}  // namespace tasklane::test
