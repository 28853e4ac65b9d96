// Two proofs without which no connection to a server is used again: that the request went out whole, and that
// its answer was read whole. Nobody but those who saw it can make one.
#pragma once

#include <optional>
#include <string_view>

#include "shaper/http/message_scanner.h"

namespace tasklane {

// The kernel has taken a request's last byte.
class SentWhole {
  friend class Upload;
  SentWhole() = default;
};

// An answer was read to its end, nothing stands behind it, and the server means to go on.
class ReadWhole {
 public:
  // `behind`: what has come and is not part of the answer.
  static std::optional<ReadWhole> of(const ResponseScanner& scanner, std::string_view behind) {
    if (!scanner.is_done() || !scanner.keep_alive() || !behind.empty()) return std::nullopt;
    return ReadWhole();
  }

 private:
  ReadWhole() = default;
};

}  // namespace tasklane
