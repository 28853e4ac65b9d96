#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "shaper/base/surrogates.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

namespace dom = simdjson::dom;

constexpr int deepest = 256;

// Brackets outside strings. Only an upper bound where the text is no JSON, which the parser then says.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > deepest) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

bool take(OrderedJson& into, const dom::element& value, int depth);

bool take_object(OrderedJson& into, const dom::object& object, int depth) {
  into = OrderedJson::object();
  auto& members = into.get_ref<OrderedJson::object_t&>();
  members.reserve(object.size());  // a key that moves is copied
  for (const auto& [key, value] : object)
    if (!take(members[std::string(key)], value, depth)) return false;
  return true;
}

bool take_array(OrderedJson& into, const dom::array& array, int depth) {
  into = OrderedJson::array();
  auto& items = into.get_ref<OrderedJson::array_t&>();
  items.reserve(array.size());
  for (const dom::element& value : array)
    if (!take(items.emplace_back(), value, depth)) return false;
  return true;
}

// As the slow parser reads it: what has no sign is unsigned. False: nested too deep.
bool take(OrderedJson& into, const dom::element& value, int depth) {
  switch (value.type()) {
    case dom::element_type::OBJECT:
      return depth < deepest && take_object(into, value.get_object().value_unsafe(), depth + 1);
    case dom::element_type::ARRAY:
      return depth < deepest && take_array(into, value.get_array().value_unsafe(), depth + 1);
    case dom::element_type::STRING:
      into = value.get_string().value_unsafe();
      break;
    case dom::element_type::INT64:
      if (const std::int64_t number = value.get_int64().value_unsafe(); number < 0)
        into = number;
      else
        into = static_cast<std::uint64_t>(number);
      break;
    case dom::element_type::UINT64:
      into = value.get_uint64().value_unsafe();
      break;
    case dom::element_type::DOUBLE:
      into = value.get_double().value_unsafe();
      break;
    case dom::element_type::BOOL:
      into = value.get_bool().value_unsafe();
      break;
    case dom::element_type::NULL_VALUE:
      into = nullptr;
      break;
  }
  return true;
}

// Several times as fast, but it refuses some texts that servers take: lone surrogates, a byte order mark,
// integers of any length. Null: those, and whatever is no object.
OrderedJson read_fast(dom::parser& parser, std::string_view text) {
  if (text.empty()) return nullptr;  // what is empty may be nowhere in memory
  dom::object root;
  OrderedJson json;
  if (parser.parse(text.data(), text.size()).get_object().get(root) || !take_object(json, root, 1))
    return nullptr;
  return json;
}

}  // namespace

struct ObjectReader::Parser {
  dom::parser dom_parser;
};

ObjectReader::ObjectReader() = default;
ObjectReader::~ObjectReader() = default;
ObjectReader::ObjectReader(ObjectReader&&) noexcept = default;
ObjectReader& ObjectReader::operator=(ObjectReader&&) noexcept = default;

Result<OrderedJson> parse_object(std::string_view text) { return ObjectReader().read(text); }

Result<OrderedJson> ObjectReader::read(std::string_view text) {
  if (parser_ == nullptr) parser_ = std::make_unique<Parser>();
  OrderedJson json = read_fast(parser_->dom_parser, text);
  if (json.is_object()) return Result<OrderedJson>(boost::system::in_place_value, std::move(json));
  if (too_deep(text))
    return Error{"the body is nested deeper than 256 levels", "", "it is forwarded as it came"};
  json = OrderedJson::parse(text, nullptr, false);
  if (json.is_discarded()) json = OrderedJson::parse(mend_surrogates(text), nullptr, false);
  if (!json.is_object()) return Error{"the body is no JSON object", "", "it is forwarded as it came"};
  return Result<OrderedJson>(boost::system::in_place_value, std::move(json));
}

}  // namespace tasklane
