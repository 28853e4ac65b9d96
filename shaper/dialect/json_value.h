// A value of a document, as simdjson's on-demand reader comes to it, which it does once. One of a wrong type
// counts as absent.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>

namespace tasklane {

std::optional<double> number_in(simdjson::ondemand::value value);
std::optional<bool> flag_in(simdjson::ondemand::value value);

// Neither null nor false nor 0.
bool is_set(simdjson::ondemand::value value);

// For the options of a load: nothing where the value says nothing.
void load_option(std::optional<std::int64_t>& into, simdjson::ondemand::value value);
void load_option(std::optional<bool>& into, simdjson::ondemand::value value);

// A string or a number, as it is written.
std::optional<std::string> scalar_text(simdjson::ondemand::value value);
bool non_empty_array(simdjson::ondemand::value value);
bool is_null(simdjson::ondemand::value value);

}  // namespace tasklane
