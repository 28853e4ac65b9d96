#include "tests/support/requirements.h"

#include <bpf/libbpf.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace tasklane::test {

namespace {

std::optional<std::string> find_lack() {
  if (::geteuid() != 0) return "needs root: run it by tools/test, or with sudo";
  if (!std::filesystem::exists("/usr/sbin/ip") && !std::filesystem::exists("/sbin/ip"))
    return "needs the command ip (Debian: iproute2)";
  if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_SK_LOOKUP, nullptr) != 1)
    return "this kernel does not load sk_lookup programs here (Linux 5.9 or newer, CAP_BPF, CAP_NET_ADMIN)";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> lacks_root_and_bpf() {
  static const std::optional<std::string> lack = find_lack();
  return lack;
}

bool on_a_build_server() {
  const char* value = std::getenv("CI");
  return value != nullptr && *value != '\0' && std::string(value) != "false";
}

}  // namespace tasklane::test
