#include "shaper/server/align.h"

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

void read(std::optional<std::int64_t>& into, const OrderedJson* value) {
  if (value == nullptr || !value->is_number()) return;
  if (const auto number = load_number(value->get<double>())) into = number;
}

void read(std::optional<bool>& into, const OrderedJson* value) {
  if (value != nullptr && value->is_boolean()) into = value->get<bool>();
}

LoadOptions options_of(const OrderedJson& body) {
  LoadOptions found;
  if (const OrderedJson* options = member(body, "options"); options != nullptr && options->is_object())
    each_load_option(found, [&](std::string_view name, auto& value) { read(value, member(*options, name)); });
  read(found.shift, member(body, "shift"));
  if (const OrderedJson* keep_alive = member(body, "keep_alive"))
    found.keep_alive = to_wire_json(*keep_alive);
  return found;
}

template <class Value>
void put(OrderedJson& object, const std::string& name, const std::optional<Value>& value) {
  if (value)
    object[name] = *value;
  else
    object.erase(name);
}

void put_options(OrderedJson& body, const LoadOptions& chat) {
  OrderedJson& options = body["options"];
  if (!options.is_object()) options = OrderedJson::object();
  each_load_option(chat,
                   [&](std::string_view name, const auto& value) { put(options, std::string(name), value); });
  if (options.empty()) body.erase("options");
  put(body, "shift", chat.shift);
  if (chat.keep_alive)
    body["keep_alive"] = OrderedJson::parse(*chat.keep_alive, nullptr, false);
  else
    body.erase("keep_alive");
}

}  // namespace

bool align(OrderedJson& body, Dialect dialect, const LoadOptions& chat) {
  if (!is_ollama(dialect) || options_of(body) == chat) return false;
  put_options(body, chat);
  return true;
}

}  // namespace tasklane
