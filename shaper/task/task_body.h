// A task's body, read once for all that is made of it: what each upstream is to get (the rule's changes, the
// chat's load options, the shape of its answer, always as a stream), its key, its slices.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/decide/config.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/load_options.h"
#include "shaper/dialect/ordered_json.h"
#include "shaper/server/constraints.h"

namespace tasklane {

// What of a body is to be changed for one upstream.
struct BodyWish {
  RequestClass request_class = RequestClass::title;
  bool json_contract = false;  // the prompt asks for its class's JSON key
  const Then& then;
  const Upstream& upstream;
  std::optional<LoadOptions> chat{};  // of the chat with the same model; none: not known, or not wanted
  Constraints wanted = no_constraints;
  SchemaBounds bounds = SchemaBounds::of_shipped_template;
  bool as_stream = true;            // whatever the client asked for
  Dialect dialect = Dialect::none;  // the upstream's; none: the client's
  std::optional<int> priority{};    // for a server that is to put it behind its chats
};

// The body as one upstream is to get it.
struct MadeBody {
  OrderedJson json;
  Constraints applied = no_constraints;  // what was changed in fact
  bool made_stream = false;              // its client did not ask for one
  bool changed = false;                  // in any way
  bool has_priority = false;             // and not its client's own
  std::optional<std::string> unsaid{};   // what the upstream's dialect cannot say: it is not to be asked
};

class TaskBody {
 public:
  // `text`: as the client sent it, decoded. Error: no JSON object; it is forwarded as it came.
  static Result<TaskBody> read(std::string_view text, Dialect dialect);

  [[nodiscard]] MadeBody made(const BodyWish& wish) const;
  // What nothing changes goes as it came, byte for byte.
  [[nodiscard]] std::string text_of(const MadeBody& made) const;
  [[nodiscard]] Dialect dialect() const { return dialect_; }

 private:
  TaskBody(std::string_view text, Dialect dialect, OrderedJson json)
      : text_(text), dialect_(dialect), json_(std::move(json)) {}

  std::string text_;
  Dialect dialect_;
  OrderedJson json_;
};

}  // namespace tasklane
