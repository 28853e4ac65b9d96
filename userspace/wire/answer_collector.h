// Takes an upstream's whole answer in, for a task whose answer is put together before its client sees a byte
// of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shaper/dialect/assemble.h"
#include "shaper/http/message_scanner.h"
#include "userspace/wire/memory_budget.h"
#include "userspace/wire/spent.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

// So many bytes of one answer are read, as received.
inline constexpr std::size_t longest_collected = 64u << 20;
// So many of what a server says instead of an answer are kept.
inline constexpr std::size_t longest_error = 64u << 10;

// What whoever waits for an answer may look at meanwhile.
struct Heard {
  std::optional<Time> last;  // when something came; none: nothing has
};

struct Collected {
  bool any_byte = false;  // of an answer: else the upstream closed without a word
  bool reset = false;     // the connection did not end in good order
  bool whole = false;     // the message came to its end, or what was asked for did; an error's may be cut
  int status = 0;
  std::string reason;  // as the status line has it
  std::string content_type;
  std::vector<HeaderField> fields;  // those that are meant for the client, and true of a body put together
  std::string server;               // its Server field
  std::optional<Duration>
      retry_after;                 // its Retry-After, in seconds (RFC 9110 section 10.2.3); a date is none
  std::string error_body;          // with an error status: what the server said, bounded
  std::optional<ReadWhole> spent;  // the connection may be used again
  Time first_byte{};
};

// Reads one response and feeds the body of a successful one to `assembler`, with its end. Returns when the
// answer has come to its end or cannot come to one any more, not when the server closes; early when the
// connection is aborted, or `memory` (null: no bound) has no room for more of it: then it is not whole.
// `heard`: when something of it last came; null: nobody wants to know.
Awaitable<Collected> collect_answer(UpstreamConnection& upstream, AnswerAssembler& assembler,
                                    MemoryBudget* memory, std::shared_ptr<Heard> heard = nullptr);

}  // namespace tasklane
