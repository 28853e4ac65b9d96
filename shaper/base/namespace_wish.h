// Which network namespace a model is in, as a configuration or a command line says it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shaper/base/result.h"

namespace tasklane {

struct NamespaceWish {
  enum class Kind {
    named,        // NAME: below /run/netns (ip-netns(8))
    path,         // with a slash in it
    process,      // digits alone; a namespace of that name wins
    container,    // "container:NAME"
    of_listener,  // "of-listener:PORT": that in which something listens there
  };
  Kind kind = Kind::named;
  std::string text;        // as it was written
  std::string name;        // of a container
  std::uint16_t port = 0;  // of a listener

  // Whether what is meant may well not be there yet.
  [[nodiscard]] bool may_come_later() const { return kind == Kind::container || kind == Kind::of_listener; }
};

// Errors say what to write instead; `where` is left to the caller.
Result<NamespaceWish> parse_namespace_wish(std::string_view text);

}  // namespace tasklane
