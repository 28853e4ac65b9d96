#include "shaper/dialect/as_stream.h"

#include "shaper/dialect/json_body.h"

namespace tasklane {
bool as_stream(OrderedJson& body, Dialect dialect) {
  const OrderedJson* stream = member(body, "stream");
  if (stream == nullptr ? dialect_row(dialect).streams_unasked : *stream == true) return false;
  ask_for_stream(body, dialect);
  return true;
}

}  // namespace tasklane
