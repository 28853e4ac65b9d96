#include "shaper/task/verdict.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "shaper/base/trimmed.h"
#include "shaper/dialect/contract.h"
#include "shaper/dialect/thoughts.h"
#include "shaper/http/status.h"

namespace tasklane {
namespace {

using http_status::ok;
constexpr int first_error = 400;
// So many objects are tried among the thoughts, from the last one on.
constexpr int most_tries = 16;

// Which say nothing of what was changed: credentials, an unknown model, a server that is too slow or busy.
constexpr std::array own_errors{401, 403, 404, 408, 429};

bool may_be_refusal(int status) {
  return status >= first_error && std::find(own_errors.begin(), own_errors.end(), status) == own_errors.end();
}

// The object with the class's key that ends the thoughts; empty: none.
std::string_view object_in(RequestClass request_class, std::string_view thoughts) {
  std::size_t at = thoughts.rfind('{');
  for (int tries = 0; tries < most_tries && at != std::string_view::npos; ++tries) {
    const std::string_view object = thoughts.substr(at);
    if (keeps_contract(request_class, object)) return object.substr(0, object.rfind('}') + 1);
    at = at == 0 ? std::string_view::npos : thoughts.rfind('{', at - 1);
  }
  return {};
}

bool silent(const Answer& answer) {
  return trimmed(behind_thoughts(answer.content)).empty() && answer.tool_calls.empty();
}

std::optional<Trouble> trouble_with(const Answer& answer, const Judged& judged) {
  const bool cut = judged.capped && answer.finish_reason == "length";
  if (silent(answer)) return cut ? Trouble::cut : Trouble::empty;
  if (!judged.json_contract) return cut ? std::optional(Trouble::cut) : std::nullopt;
  const bool kept =
      keeps_contract(judged.request_class, behind_thoughts(answer.content)) || !answer.tool_calls.empty();
  if (kept) return std::nullopt;
  return cut ? Trouble::cut : Trouble::unreadable;
}

}  // namespace

Verdict judge(const Judged& judged) {
  const StreamState state = judged.assembler.state();
  if (judged.reply.status != ok || state == StreamState::failed || state == StreamState::open) {
    const bool refused =
        judged.reply.whole && (judged.reply.status == ok || may_be_refusal(judged.reply.status));
    return {{}, refused ? std::optional(Trouble::refused) : std::nullopt};
  }
  Verdict verdict{judged.assembler.answer(), {}};
  Answer& answer = *verdict.answer;
  if (judged.json_contract && silent(answer))
    if (const std::string_view object = object_in(judged.request_class, answer.thinking); !object.empty()) {
      answer.content = object;
      answer.thinking.clear();
    }
  verdict.trouble = trouble_with(answer, judged);
  return verdict;
}

Constraints fewer(Constraints wanted, Constraints applied, Trouble trouble) {
  if (trouble == Trouble::cut && applied.cap) {
    wanted.cap = false;
  } else if (applied.schema) {
    wanted.schema = false;
  } else if (applied.any()) {
    wanted.schema = wanted.cap = wanted.no_thinking = false;
  } else {
    wanted.stream = false;
  }
  return wanted;
}

std::optional<LocalAnswer> words_of_failure(const Reply& reply, const AnswerAssembler& assembler,
                                            const AnswerForm& form) {
  if (reply.status != ok && reply.whole)
    return LocalAnswer{reply.status, reply.content_type, reply.error_body, reply.reason, reply.fields};
  const std::string& said = assembler.error_words();
  if (reply.status != ok || said.empty()) return std::nullopt;
  if (!form.stream) return LocalAnswer{assembler.error_status(), "application/json", said, {}, reply.fields};
  const bool lines = is_ollama(form.dialect);
  return LocalAnswer{ok, reply.content_type, lines ? said + "\n" : "data: " + said + "\n\n", reply.reason,
                     reply.fields};
}

}  // namespace tasklane
