// What the JSON schemas of the configuration say of the program's tables: the classes, the dialects and the
// lane settings. A schema file names a table where its rows belong, and gets them when it is built, so a new
// row is written once. Safe from any thread.
#pragma once

#include "shaper/base/result.h"
#include "shaper/decide/lane_settings.h"
#include "shaper/dialect/ordered_json.h"

namespace tasklane::schema {

// Replaces each member `"$table": NAME` in the document by the members that the table of that name gives.
// Fails, with the name, where there is no such table.
Result<void> add_tables(OrderedJson& document);

// What a JSON Schema (draft 7) says of it.
OrderedJson schema_of(const LaneSetting& setting);

}  // namespace tasklane::schema
