#include "shaper/server/align.h"

#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

void read(std::optional<std::int64_t>& into, const OrderedJson* value) {
  if (value == nullptr || !value->is_number()) return;
  const double number = value->get<double>();
  if (number > -1e15 && number < 1e15) into = static_cast<std::int64_t>(number);
}

void read(std::optional<bool>& into, const OrderedJson* value) {
  if (value != nullptr && value->is_boolean()) into = value->get<bool>();
}

// Visits each load option of `options` with its name.
template <class Options, class Visit>
void each_option(Options& options, Visit visit) {
  visit("num_ctx", options.num_ctx);
  visit("num_batch", options.num_batch);
  visit("num_gpu", options.num_gpu);
  visit("num_thread", options.num_thread);
  visit("main_gpu", options.main_gpu);
  visit("draft_num_predict", options.draft_num_predict);
  visit("use_mmap", options.use_mmap);
  visit("use_mlock", options.use_mlock);
}

LoadOptions options_of(const OrderedJson& body) {
  LoadOptions found;
  if (const OrderedJson* options = member(body, "options"); options != nullptr && options->is_object())
    each_option(found, [&](std::string_view name, auto& value) { read(value, member(*options, name)); });
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
  each_option(chat,
              [&](std::string_view name, const auto& value) { put(options, std::string(name), value); });
  if (options.empty()) body.erase("options");
  put(body, "shift", chat.shift);
  if (chat.keep_alive)
    body["keep_alive"] = OrderedJson::parse(*chat.keep_alive, nullptr, false);
  else
    body.erase("keep_alive");
}

}  // namespace

Result<LoadOptions> load_options_of(std::string_view body, Dialect dialect) {
  if (!is_ollama(dialect)) return LoadOptions{};
  const auto parsed = parse_object(body);
  if (!parsed) return parsed.error();
  return options_of(*parsed);
}

Result<std::optional<std::string>> align(std::string_view body, Dialect dialect, const LoadOptions& chat) {
  if (!is_ollama(dialect)) return std::optional<std::string>();
  auto parsed = parse_object(body);
  if (!parsed) return parsed.error();
  if (options_of(*parsed) == chat) return std::optional<std::string>();
  put_options(*parsed, chat);
  return std::optional<std::string>(to_wire_json(*parsed));
}

}  // namespace tasklane
