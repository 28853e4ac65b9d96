// What a server says of pages of another origin that ask it (CORS: fetch.spec.whatwg.org, section 3.3).
// Without its word a browser keeps an answer from the page that asked for it.
#pragma once

#include <string_view>
#include <vector>

#include "shaper/http/request_head.h"

namespace tasklane {

// Whether the field says so of the answer in which it stands, and of no other.
bool is_cross_origin_field(std::string_view name);

// Those of an answer, with "Vary", which says that they hold for one origin.
std::vector<HeaderField> cross_origin_fields(const std::vector<HeaderField>& fields);

// Whether these let any page of another origin read the answer.
bool allow_an_origin(const std::vector<HeaderField>& fields);

}  // namespace tasklane
