// Opens the control socket's file: nobody's file is lost, and nobody is let in before the mode is right.
#pragma once

#include <string>

#include "shaper/base/result.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {

// A listening UNIX stream socket at `path`: mode 0660 from its first moment on and of the group tasklane,
// where that is known here, its folder made (0755) where missing. A socket that a dead agent left is
// replaced. Errors: a living agent answers there, the file is no socket, no permission. The caller removes
// the file at its end.
Result<UniqueFd> listen_on_path(const std::string& path);

}  // namespace tasklane
