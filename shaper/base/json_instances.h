// What nlohmann's JSON is made of, compiled once in json_instances.cc instead of in each file that reads or
// writes some: a second or two of each such file's compiling, and its code once in a program. Stands among
// what is precompiled.
#pragma once

#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

// NOLINTBEGIN(bugprone-macro-parentheses): types and a keyword, which no parentheses may stand around.
#define TASKLANE_JSON_INSTANCES(prefix, Json)                                                            \
  prefix template class nlohmann::detail::serializer<Json>;                                              \
  prefix template class nlohmann::detail::json_sax_dom_parser<Json>;                                     \
  prefix template class nlohmann::detail::json_sax_dom_callback_parser<Json>;                            \
  prefix template class nlohmann::detail::lexer<Json,                                                    \
                                                nlohmann::detail::iterator_input_adapter<const char*>>;  \
  prefix template class nlohmann::detail::lexer<                                                         \
      Json, nlohmann::detail::iterator_input_adapter<std::string::const_iterator>>;                      \
  prefix template class nlohmann::detail::parser<Json,                                                   \
                                                 nlohmann::detail::iterator_input_adapter<const char*>>; \
  prefix template class nlohmann::detail::parser<                                                        \
      Json, nlohmann::detail::iterator_input_adapter<std::string::const_iterator>>
// NOLINTEND(bugprone-macro-parentheses)

extern template class nlohmann::basic_json<>;
extern template class nlohmann::basic_json<nlohmann::ordered_map>;
TASKLANE_JSON_INSTANCES(extern, nlohmann::json);
TASKLANE_JSON_INSTANCES(extern, nlohmann::ordered_json);
