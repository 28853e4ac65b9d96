#include "shaper/task/task_body.h"

#include <utility>

#include "shaper/dialect/as_stream.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/translate.h"
#include "shaper/server/align.h"
#include "shaper/task/constrain.h"
#include "shaper/task/request_rewrite.h"

namespace tasklane {

Result<TaskBody> TaskBody::read(std::string_view text, Dialect dialect) {
  Result<OrderedJson> json = parse_object(text);
  if (!json) return json.error();
  return Result<TaskBody>(boost::system::in_place_value, TaskBody(text, dialect, std::move(*json)));
}

MadeBody TaskBody::made(const BodyWish& wish) const {
  MadeBody made{json_};
  const Dialect dialect = wish.dialect == Dialect::none ? dialect_ : wish.dialect;
  made.changed = rewrite(made.json, wish.then, wish.upstream);
  const bool stranger = wish.upstream.service && wish.upstream.service->off_host;
  if (dialect != dialect_ || stranger) {
    Result<OrderedJson> said = stranger ? translate_for_strangers(made.json, dialect_, dialect)
                                        : translate(made.json, dialect_, dialect);
    if (!said) made.unsaid = said.error().text();
    if (said) made.json = std::move(*said);
    made.changed = true;
  }
  if (wish.chat) made.changed |= align(made.json, dialect, *wish.chat);
  made.applied =
      constrain(made.json, dialect, wish.request_class, wish.json_contract, wish.wanted, wish.bounds);
  made.made_stream = wish.as_stream && as_stream(made.json, dialect);
  made.has_priority = wish.priority && !is_ollama(dialect) && !made.json.contains("priority");
  if (made.has_priority) made.json["priority"] = *wish.priority;
  made.changed |= made.applied.any() || made.made_stream || made.has_priority;
  return made;
}

std::string TaskBody::text_of(const MadeBody& made) const {
  return made.changed ? to_wire_json(made.json) : text_;
}

}  // namespace tasklane
