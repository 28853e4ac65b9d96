#include "shaper/dialect/json_value.h"

#include "shaper/dialect/load_options.h"

namespace tasklane {
namespace {

namespace od = simdjson::ondemand;

}  // namespace

std::optional<double> number_in(od::value value) {
  double result = 0;
  od::json_type type;
  if (value.type().get(type) || type != od::json_type::number) return std::nullopt;
  if (value.get_double().get(result)) return std::nullopt;
  return result;
}

std::optional<bool> flag_in(od::value value) {
  bool result = false;
  return value.get_bool().get(result) ? std::optional<bool>() : result;
}

bool is_set(od::value value) {
  od::json_type type;
  if (value.type().get(type) || type == od::json_type::null) return false;
  if (type == od::json_type::boolean) return flag_in(value).value_or(false);
  return type != od::json_type::number || number_in(value).value_or(0) != 0;
}

void load_option(std::optional<std::int64_t>& into, od::value value) {
  const auto given = number_in(value);
  into = given ? load_number(*given) : std::nullopt;
}

void load_option(std::optional<bool>& into, od::value value) { into = flag_in(value); }

std::optional<std::string> scalar_text(od::value value) {
  od::json_type type;
  if (value.type().get(type) || (type != od::json_type::string && type != od::json_type::number))
    return std::nullopt;
  const std::string_view token = value.raw_json_token();
  return std::string(token.substr(0, token.find_last_not_of(" \t\r\n") + 1));
}

bool non_empty_array(od::value value) {
  od::array items;
  bool empty = true;
  if (value.get_array().get(items) || items.is_empty().get(empty)) return false;
  return !empty;
}

bool is_null(od::value value) {
  od::json_type type;
  return value.type().get(type) || type == od::json_type::null;
}

}  // namespace tasklane
