#include "userspace/serve/bypass.h"

#include "userspace/serve/rewarmer.h"
#include "userspace/serve/slot_probe.h"

namespace tasklane {

void set_bypass(RelayContext& context, bool on) {
  context.bypass = on;
  if (context.rewarmer != nullptr) context.rewarmer->pause(on);
  if (context.slot_probe != nullptr) context.slot_probe->pause(on);
  context.lanes.release(on);
}

}  // namespace tasklane
