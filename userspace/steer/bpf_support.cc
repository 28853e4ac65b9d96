#include "userspace/steer/bpf_support.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <sys/utsname.h>

#include <array>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <string_view>

#include "userspace/steer/netns.h"
#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

constexpr std::string_view without_steering =
    "or have clients pointed at the agent by \"listen\", which needs neither";

int log_quieter(libbpf_print_level level, const char* format, va_list arguments) {
  std::array<char, 1024> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  std::string_view text(line.data());
  while (text.ends_with('\n')) text.remove_suffix(1);
  const auto quieter = level == LIBBPF_DEBUG ? spdlog::level::trace : spdlog::level::debug;
  spdlog::log(quieter, "{}", text);
  return 0;
}

// CapEff of proc(5).
std::uint64_t effective_capabilities() {
  std::ifstream status("/proc/thread-self/status");
  constexpr std::string_view field = "CapEff:";
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(field)) return std::stoull(line.substr(field.size()), nullptr, 16);
  return 0;
}

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "of unknown release";
}

Error missing_privilege() {
  const std::string missing = missing_capabilities();
  const std::string remedy =
      missing.empty()
          ? "something denies bpf() to it, such as a container's seccomp profile or a lockdown; allow it"
          : "it lacks " + missing + ": run it as root";
  return {"steering is not permitted to this process", "", remedy + ", " + std::string(without_steering),
          ExitCode::not_permitted};
}

Error missing_kernel_feature() {
  return {"this kernel (" + kernel_release() + ") has no sk_lookup, which steering needs", "",
          "use Linux 5.9 or newer with BPF, " + std::string(without_steering), ExitCode::not_permitted};
}

}  // namespace

void route_libbpf_messages() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(log_quieter); });
}

std::string missing_capabilities() {
  const std::uint64_t held = effective_capabilities();
  const auto has = [held](int capability) { return (held >> capability & 1) != 0; };
  if (has(CAP_SYS_ADMIN)) return "";  // stands for both (capabilities(7))
  std::string missing;
  if (!has(CAP_BPF)) missing = "CAP_BPF";
  if (!has(CAP_NET_ADMIN)) missing += missing.empty() ? "CAP_NET_ADMIN" : ", CAP_NET_ADMIN";
  return missing;
}

Error why_not_loaded(int code) {
  if (code == EPERM || (code == EACCES && !missing_capabilities().empty())) return missing_privilege();
  if (code == ENOSYS || libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, nullptr) == 0)
    return missing_kernel_feature();
  Error error = system_error("the kernel does not take the steering program", code);
  error.hint = "the log at level debug has libbpf's words for it";
  error.exit = ExitCode::not_permitted;
  return error;
}

std::optional<bool> kernel_has_sk_lookup() {
  route_libbpf_messages();
  const int told = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, nullptr);
  if (told < 0) return std::nullopt;
  return told == 1;
}

std::vector<std::string> steering_programs_here() {
  std::vector<std::string> names;
  const Result<UniqueFd> here = open_own_network_namespace();
  std::array<std::uint32_t, 64> programs{};
  std::uint32_t count = programs.size();
  if (!here || bpf_prog_query(here->get(), BPF_SK_LOOKUP, 0, nullptr, programs.data(), &count) != 0)
    return names;
  for (std::uint32_t each = 0; each < count; ++each) {
    const UniqueFd program(bpf_prog_get_fd_by_id(programs[each]));
    bpf_prog_info info{};
    std::uint32_t length = sizeof(info);
    if (program && bpf_obj_get_info_by_fd(program.get(), &info, &length) == 0) names.emplace_back(info.name);
  }
  return names;
}

}  // namespace tasklane
