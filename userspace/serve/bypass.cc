#include "userspace/serve/bypass.h"

namespace tasklane {

void set_bypass(RelayContext& context, bool on) {
  context.bypass = on;
  context.own.pause(on);
  context.lanes.release(on);
}

}  // namespace tasklane
