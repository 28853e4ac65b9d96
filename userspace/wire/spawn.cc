#include "userspace/wire/spawn.h"

#include <cxxabi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <typeinfo>

namespace tasklane {
namespace {

constexpr int exit_of_a_fault = 1;

// The type's name as the compiler writes it: to make it readable would take memory.
const char* type_of(const std::exception_ptr& escaped) noexcept {
  try {
    std::rethrow_exception(escaped);
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type == nullptr ? "unknown" : type->name();
  }
}

}  // namespace

// Without a logger: the memory for its line may be what is missing.
void end_for(const char* what, const std::exception_ptr& escaped) noexcept {
  std::array<char, 256> line{};
  const int length = std::snprintf(line.data(), line.size(),
                                   "tasklaned: %s ended by an exception of type %s; the agent ends, and "
                                   "the kernel passes new connections to the model\n",
                                   what, type_of(escaped));
  if (length > 0) {
    const auto size = std::min(line.size() - 1, static_cast<std::size_t>(length));
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), size);
  }
  std::_Exit(exit_of_a_fault);
}

void run_loop(boost::asio::io_context& io) {
  try {
    io.run();
  } catch (...) {
    end_for("a handler", std::current_exception());
  }
}

}  // namespace tasklane
