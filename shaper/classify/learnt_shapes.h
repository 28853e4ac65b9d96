// Shapes of prompts that a front end sends right behind its chats, always: a customised task that asks for no
// known contract. A shape is a keyed hash of what stands around the quotes. Known for one tenant alone, and
// only where that tenant is a front end, for a pack entry has matched whole for it. Bounded; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include "shaper/base/identity.h"
#include "shaper/base/time.h"

namespace tasklane {

class LearntShapes {
 public:
  using Shape = std::uint64_t;  // 0: none

  // A pack entry has matched whole for it.
  void is_front_end(Tenant tenant, Time now);

  // The tenant has sent this shape right behind the chat `chat` that it quotes. True where it has done so
  // behind three other chats before, and never otherwise.
  bool behind_its_chat(Tenant tenant, Shape shape, std::uint64_t chat, Time now);
  // It was sent at another time: before its chat, beside it, long behind it. Somebody may wait for it then.
  void at_another_time(Tenant tenant, Shape shape, Time now);
  // A chat came right behind it, as behind a router: that time does not count, nor those before it.
  void before_a_chat(Tenant tenant, Shape shape);

 private:
  struct Seen {
    unsigned times = 0;
    std::uint64_t chat = 0;  // that it came behind last
    bool refuted = false;
    Time last;
  };
  Seen& seen(Tenant tenant, Shape shape, Time now);

  std::map<std::pair<Tenant, Shape>, Seen> shapes_;
  std::unordered_map<Tenant, Time> front_ends_;
};

}  // namespace tasklane
