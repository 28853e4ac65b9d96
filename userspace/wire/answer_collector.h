// Takes an upstream's whole answer in, for a task whose answer is put together before its client sees a byte
// of it.
#pragma once

#include <memory>
#include <string>

#include "shaper/dialect/assemble.h"
#include "shaper/http/message_scanner.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

struct Collected {
  bool any_byte = false;  // of an answer: else the upstream closed without a word
  bool whole = false;     // the message came to its end
  int status = 0;
  std::string content_type;
  std::string server;       // its Server field
  std::string error_body;   // with an error status: what the server said, bounded
  bool keep_alive = false;  // the connection may be used again
  Time first_byte{};
};

// Reads one response and feeds the body of a successful one to `assembler`, with its end. Returns early when
// the connection is aborted.
Awaitable<Collected> collect_answer(UpstreamConnection& upstream, AnswerAssembler& assembler);

}  // namespace tasklane
