// What the helper process does from its start to its end, and what both sides say.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "userspace/steer/channel.h"
#include "userspace/steer/helper.h"

namespace tasklane {

// The first byte of each message. Behind it: `view` and `trouble` a text, `read` a path.
enum class HelperWord : char {
  // from the agent
  look = 'l',
  give = 'g',  // and a connection
  read = 'r',
  remove_control_socket = 'c',
  // from the helper
  ready = 'R',
  looked = 'L',  // nothing has changed
  view = 'V',
  file = 'F',  // which was asked for, and a descriptor or none
  trouble = 'T',
};

std::string view_as_text(const EndpointView& view);
std::optional<EndpointView> view_from_text(std::string_view text);

// Never returns.
[[noreturn]] void be_the_helper(Channel channel, HelperDuties duties);

}  // namespace tasklane
