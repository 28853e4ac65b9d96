// Which dialects an upstream's server speaks: as the configuration says, else as it was seen to answer.
#pragma once

#include <optional>

#include "shaper/decide/config.h"
#include "shaper/server/book.h"

namespace tasklane {

// Whether that is to be found out by asking: nobody says.
inline bool dialect_is_asked(const Upstream& upstream) {
  return !upstream.original && (!upstream.service || !upstream.service->family_told);
}

// Nothing: it has not been asked yet, or has not answered. A server of Ollama's speaks both.
inline std::optional<DialectFamily> spoken_by(const Upstream& upstream, const Book& book) {
  if (!dialect_is_asked(upstream))
    return upstream.service ? std::optional(upstream.service->family) : std::nullopt;
  const UpstreamPage* const page = book.known({upstream.name});
  return page == nullptr ? std::nullopt : page->family;
}

}  // namespace tasklane
