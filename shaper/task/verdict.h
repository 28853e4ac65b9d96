// What is to be thought of an upstream's answer to a task: whether it is one, and whether what was changed of
// the request may have cost it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/request_class.h"
#include "shaper/base/time.h"
#include "shaper/dialect/answer.h"
#include "shaper/dialect/assemble.h"
#include "shaper/server/constraints.h"

namespace tasklane {

// What came of a request that was sent; its text is the assembler's.
struct Reply {
  bool any_byte = false;  // else the server closed without a word
  bool whole = false;     // the message came to its end
  bool stale = false;     // on a kept connection that the server had closed before, as far as is known
  int status = 0;
  std::string content_type;
  std::string error_body{};               // with an error status: what the server said
  std::string reason{};                   // how it named the status
  std::vector<HeaderField> fields{};      // the fields that are meant for the client
  std::optional<Duration> retry_after{};  // with an error status: what the server asks for
};

enum class Trouble : std::uint8_t {
  refused,     // an error that the request itself may be the cause of
  empty,       // no text, or thoughts alone
  unreadable,  // not as the prompt wants it
  cut,         // at the cap
};

struct Verdict {
  std::optional<Answer> answer;    // none: it has failed
  std::optional<Trouble> trouble;  // then it is asked once more as the client sent it, if it was changed
};

struct Judged {
  const Reply& reply;
  const AnswerAssembler& assembler;
  RequestClass request_class = RequestClass::other;
  bool json_contract = false;
  bool capped = false;
};

// JSON that a server has put among the thoughts is found there.
Verdict judge(const Judged& judged);

// What is to be left out next time, where `applied` of `wanted` had this trouble and nothing at all had none:
// the field that servers refuse most first.
Constraints fewer(Constraints wanted, Constraints applied, Trouble trouble);

// What a client is told of a failed answer: the server's own status and words, in the framing that it asked
// for. Nothing: the server said none.
std::optional<LocalAnswer> words_of_failure(const Reply& reply, const AnswerAssembler& assembler,
                                            const AnswerForm& form);

}  // namespace tasklane
