#include "shaper/http/cross_origin.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace tasklane {
namespace {

constexpr std::string_view allow_origin = "Access-Control-Allow-Origin";
constexpr std::array<std::string_view, 3> of_an_answer{allow_origin, "Access-Control-Allow-Credentials",
                                                       "Access-Control-Expose-Headers"};

}  // namespace

bool is_cross_origin_field(std::string_view name) {
  return std::any_of(of_an_answer.begin(), of_an_answer.end(),
                     [&](std::string_view each) { return equal_names(each, name); });
}

std::vector<HeaderField> cross_origin_fields(const std::vector<HeaderField>& fields) {
  std::vector<HeaderField> kept;
  std::copy_if(fields.begin(), fields.end(), std::back_inserter(kept), [](const HeaderField& field) {
    return is_cross_origin_field(field.name) || equal_names(field.name, "Vary");
  });
  return kept;
}

bool allow_an_origin(const std::vector<HeaderField>& fields) {
  return std::any_of(fields.begin(), fields.end(),
                     [](const HeaderField& field) { return equal_names(field.name, allow_origin); });
}

}  // namespace tasklane
