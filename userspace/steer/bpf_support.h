// What a person is told when the kernel does not take a BPF program, and where libbpf's own words go.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shaper/base/result.h"

namespace tasklane {

// libbpf's messages go to the log, one level quieter than it means them. Once a process; further calls do
// nothing.
void route_libbpf_messages();

// The privilege, the kernel or something else? `code` is the errno of the step that failed.
Error why_not_loaded(int code);

// "CAP_BPF, CAP_NET_ADMIN": what steering needs and this process has not. Empty: it has all.
std::string missing_capabilities();

// Whether this kernel has programs of type sk_lookup; none: it does not permit the question.
std::optional<bool> kernel_has_sk_lookup();
// The names of those that are attached to the network namespace of the calling thread, as far as they may be
// seen.
std::vector<std::string> steering_programs_here();

}  // namespace tasklane
