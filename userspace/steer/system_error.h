// A failed system call as an Error: what was tried, the kernel's word for it, and whether a privilege was
// missing.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

#include "shaper/base/result.h"

namespace tasklane {

inline Error system_error(const std::string& tried, int code = errno) {
  const bool forbidden = code == EPERM || code == EACCES;
  return {tried + ": " + std::generic_category().message(code), "", "",
          forbidden ? ExitCode::not_permitted : ExitCode::usage};
}

}  // namespace tasklane
