// What a test needs of the machine. A test that cannot run says why; on a build server (CI is set) that is a
// failure.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace tasklane::test {

// Why network namespaces and steering cannot be had here; none: they can.
std::optional<std::string> lacks_root_and_bpf();

bool on_a_build_server();

}  // namespace tasklane::test

#define REQUIRE_ROOT_AND_BPF()                                            \
  if (const auto missing_here = ::tasklane::test::lacks_root_and_bpf()) { \
    if (::tasklane::test::on_a_build_server()) FAIL() << *missing_here;   \
    GTEST_SKIP() << *missing_here;                                        \
  }                                                                       \
  static_assert(true, "asks for a semicolon")

// For what takes memory or descriptors from a program: the sanitizers' runtime needs them itself. `why` says
// what it would do.
#ifdef __SANITIZE_ADDRESS__
#define NOT_UNDER_SANITIZERS(why) GTEST_SKIP() << "under the sanitizers: " << (why)
#else
#define NOT_UNDER_SANITIZERS(why) static_assert(true, "asks for a semicolon")
#endif
