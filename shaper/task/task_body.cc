#include "shaper/task/task_body.h"

#include <utility>

#include "shaper/dialect/as_stream.h"
#include "shaper/task/request_rewrite.h"

namespace tasklane {
namespace {

void take(std::string& body, Result<std::optional<std::string>> changed) {
  if (changed && *changed) body = std::move(**changed);
}

}  // namespace

Constrained task_body(const TaskBodyInput& input) {
  Constrained made{std::string(input.body), {false, false, false}};
  take(made.body, rewrite_body(made.body, input.then, input.upstream));
  if (input.chat != nullptr) take(made.body, align(made.body, input.dialect, *input.chat));
  Result<std::optional<Constrained>> constrained =
      constrain(made.body, input.dialect, input.request_class, input.json_contract, input.wanted, input.bounds);
  if (constrained && *constrained) made = std::move(**constrained);
  take(made.body, as_stream(made.body, input.dialect));
  return made;
}

}  // namespace tasklane
