// What the helper process does from its start to its end, and what both sides say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "userspace/steer/channel.h"
#include "userspace/steer/helper.h"

namespace tasklane {

// The first byte of each message. Behind it: `view` and `trouble` a text, `read` a path; a family is a byte.
enum class HelperWord : char {
  // from an agent to a helper that it has not started itself: what it is to steer by, then what it wishes
  begin = 'B',  // and what it takes the configuration to say, which must be what the helper takes it to say
  // from such a helper, before it is ready
  refused = 'Z',  // and the exit code as a digit, and why
  memory = 'M',   // and the map that the program and the agent share
  link = 'K',     // and the link of the program
  // from the agent
  look = 'l',
  give = 'g',  // and a connection
  read = 'r',
  remove_control_socket = 'c',
  make_socket = 's',  // and its family, of the followed namespace
  // from the helper
  ready = 'R',   // and its process id
  looked = 'L',  // nothing has changed
  view = 'V',
  file = 'F',  // which was asked for, and a descriptor or none
  trouble = 'T',
  // of the followed namespace, in this order; then the first again
  listener = 'E',  // and its family, and the descriptor; before `begin` the agent's own
  entered = 'N',   // and where that is
  attached = 'A',  // and where that is, and the link
  left = 'X',      // and where that was
  socket = 'S',    // and its family, and a descriptor or none
};

inline std::string message(HelperWord word, std::string_view text = {}) {
  return static_cast<char>(word) + std::string(text);
}
inline char byte_of(IpFamily family) { return family == IpFamily::ipv4 ? '4' : '6'; }

std::string view_as_text(const EndpointView& view);
std::optional<EndpointView> view_from_text(std::string_view text);

// Instead of beginning.
void refuse(const Channel& channel, const Error& why);

// Never returns.
[[noreturn]] void be_the_helper(Channel channel, HelperDuties duties);

}  // namespace tasklane
