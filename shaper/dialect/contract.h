// What a task prompt wants back: the JSON key of its class (class_row(), shaper/base/request_class.h), where
// its own words ask for one. Older front ends ask for plain text, and a JSON answer would be shown as it is.
#pragma once

#include <string_view>

#include "shaper/base/request_class.h"
#include "shaper/dialect/body.h"

namespace tasklane {

// Whether the prompt's instructions (not the conversation that it quotes) name that key in quotation marks.
bool asks_for_json(RequestClass request_class, const BodyFacts& body);

// Whether the answer to such a prompt has an object with that key: another the front end cannot read.
bool keeps_contract(RequestClass request_class, std::string_view answer);

}  // namespace tasklane
