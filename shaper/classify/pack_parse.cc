#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "shaper/base/json_text.h"
#include "shaper/classify/pack.h"
#include "shaper/classify/wording.h"

namespace tasklane {
namespace {

using Json = nlohmann::json;

constexpr int known_format = 1;
constexpr std::array<std::pair<std::string_view, Where>, 7> where_names{
    {{"start", Where::start},
     {"end", Where::end},
     {"instructions", Where::instructions},
     {"tail", Where::tail},
     {"anywhere", Where::anywhere},
     {"system_start", Where::system_start},
     {"system", Where::system}}};

// Thrown inside parse_pack only.
struct Refusal {
  std::string pointer;
  std::string what;
  std::string hint;
};

// One JSON value with its place. Every getter throws a Refusal that says what was expected.
class Node {
 public:
  Node(const Json& json, std::string pointer) : json_(json), pointer_(std::move(pointer)) {}

  [[noreturn]] void refuse(std::string what, std::string hint = {}) const {
    throw Refusal{pointer_, std::move(what), std::move(hint)};
  }

  void object(std::initializer_list<std::string_view> known) const {
    if (!json_.is_object()) refuse("an object is expected");
    for (const auto& [key, value] : json_.items()) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string list;
      for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
      Node(value, pointer_ + "/" + pointer_token(key))
          .refuse("unknown key \"" + key + "\"", "known here: " + list);
    }
  }

  [[nodiscard]] bool has(std::string_view key) const { return json_.contains(key); }
  [[nodiscard]] Node at(std::string_view key) const {
    if (!has(key)) refuse("\"" + std::string(key) + "\" is missing");
    return {json_.at(std::string(key)), pointer_ + "/" + std::string(key)};
  }

  [[nodiscard]] std::string text() const {
    if (!json_.is_string()) refuse("a string is expected");
    return json_.get<std::string>();
  }
  [[nodiscard]] std::string text(std::string_view key) const {
    return has(key) ? at(key).text() : std::string();
  }

  [[nodiscard]] std::vector<Node> items() const {
    if (!json_.is_array()) refuse("an array is expected");
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < json_.size(); ++i)
      nodes.emplace_back(json_[i], pointer_ + "/" + std::to_string(i));
    return nodes;
  }
  [[nodiscard]] std::vector<Node> items(std::string_view key) const {
    return has(key) ? at(key).items() : std::vector<Node>();
  }
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> list;
    for (const Node& item : items(key)) list.push_back(item.text());
    return list;
  }

  [[nodiscard]] const Json& json() const { return json_; }
  [[nodiscard]] const std::string& pointer() const { return pointer_; }

 private:
  const Json& json_;
  std::string pointer_;
};

RequestClass class_of(const Node& node) {
  const std::string name = node.text();
  if (const auto found = request_class_from(name)) return *found;
  std::string list;
  for (const RequestClass c : all_request_classes)
    list += (list.empty() ? "" : ", ") + std::string(to_text(c));
  node.refuse("unknown class \"" + name + "\"", "classes: " + list);
}

std::shared_ptr<const re2::RE2> compile(const Node& node, const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(4 << 20);
  auto compiled = std::make_shared<re2::RE2>(pattern, options);
  if (!compiled->ok())
    node.refuse("not a pattern: " + compiled->error(), "RE2 syntax: no look-around, no back-references");
  return compiled;
}

// "key" as the key of an object that the prompt shows: { "key": …, with any of the quotes people use.
std::string contract_pattern(const std::string& key) {
  return R"re([{,]\s*(?:"|'|\\"|“)?)re" + re2::RE2::QuoteMeta(key) + R"re((?:"|'|\\"|”)\s*:)re";
}

Mark asks_mark(const Node& node, std::string key, Where where) {
  Mark mark;
  mark.where = where;
  mark.pattern = compile(node, contract_pattern(key));
  mark.asks = std::move(key);
  return mark;
}

Mark mark_of(const Node& node) {
  node.object({"where", "text", "pattern", "asks"});
  const Node where_node = node.at("where");
  const std::string where_name = where_node.text();
  const auto where = std::find_if(where_names.begin(), where_names.end(),
                                  [&](const auto& known) { return known.first == where_name; });
  if (where == where_names.end())
    where_node.refuse("unknown place \"" + where_name + "\"",
                      "places: start, end, instructions, tail, anywhere, system_start, system");
  if (node.has("text") + node.has("pattern") + node.has("asks") != 1)
    node.refuse("a mark has exactly one of \"text\", \"pattern\" and \"asks\"");
  if (node.has("asks")) return asks_mark(node.at("asks"), node.at("asks").text(), where->second);
  Mark mark;
  mark.where = where->second;
  mark.text = node.has("text") ? node.at("text").text() : node.at("pattern").text();
  if (mark.text.empty()) node.refuse("an empty mark matches everything");
  if (node.has("pattern")) mark.pattern = compile(node.at("pattern"), mark.text);
  return mark;
}

std::vector<Mark> marks_of(const Node& node, std::string_view key) {
  std::vector<Mark> marks;
  for (const Node& item : node.items(key)) marks.push_back(mark_of(item));
  return marks;
}

std::vector<Dialect> dialects_of(const Node& node, std::string_view key) {
  std::vector<Dialect> list;
  for (const Node& item : node.items(key)) {
    const std::string name = item.text();
    const auto found = std::find_if(dialect_table.begin(), dialect_table.end(),
                                    [&](const DialectRow* row) { return row->name == name; });
    if (found == dialect_table.end()) {
      std::string known;
      for (const DialectRow* row : dialect_table)
        known += (known.empty() ? "" : ", ") + std::string(row->name);
      item.refuse("unknown dialect \"" + name + "\"", "dialects: " + known);
    }
    list.push_back((*found)->dialect);
  }
  return list;
}

void flag(const Node& node, std::string_view key, std::optional<bool>& into) {
  if (!node.has(key)) return;
  const Node value = node.at(key);
  if (value.json().is_boolean())
    into = value.json().get<bool>();
  else if (value.json() == "any")
    into.reset();
  else
    value.refuse("true, false or \"any\" is expected");
}

Shape shape_of(const Node& node, Shape shape) {
  node.object({"dialects", "stream", "tools", "images", "model_first"});
  if (node.has("dialects")) shape.dialects = dialects_of(node, "dialects");
  flag(node, "stream", shape.stream);
  flag(node, "tools", shape.tools);
  flag(node, "images", shape.images);
  if (node.has("model_first")) shape.model_first = dialects_of(node, "model_first");
  return shape;
}

double score_of(const Node& node) {
  if (!node.has("score")) return PackEntry{}.score;
  const Node value = node.at("score");
  if (!value.json().is_number()) value.refuse("a number from 0 to 1 is expected");
  const double score = value.json().get<double>();
  if (score < 0 || score > 1) value.refuse("a number from 0 to 1 is expected");
  return score;
}

// True, or the prints of the shipped templates' words.
void shipped_into(const Node& node, PackEntry& entry) {
  if (node.json().is_boolean()) {
    entry.shipped_by_its_marks = node.json() == true;
    return;
  }
  for (const Node& item : node.items()) {
    const std::optional<std::uint64_t> print = wording_from(item.text());
    if (!print) item.refuse("sixteen hexadecimal digits are expected", "`tasklane explain` tells them");
    entry.shipped.push_back(*print);
  }
}

PackEntry entry_of(const Node& node, const Shape& shape, bool chat) {
  if (chat)
    node.object({"name", "releases", "about", "only_echo", "marks", "vetoes"});
  else
    node.object({"name", "class", "releases", "about", "score", "shape", "marks", "vetoes", "shipped"});
  PackEntry entry;
  entry.name = node.at("name").text();
  entry.releases = node.text("releases");
  entry.request_class = chat ? RequestClass::chat : class_of(node.at("class"));
  if (!chat && (entry.request_class == RequestClass::embedding || entry.request_class == RequestClass::admin))
    node.at("class").refuse("the path alone makes this class");
  entry.score = score_of(node);
  entry.only_echo = node.has("only_echo") && node.at("only_echo").json() == true;
  entry.shape = node.has("shape") ? shape_of(node.at("shape"), shape) : shape;
  entry.marks = marks_of(node, "marks");
  entry.vetoes = marks_of(node, "vetoes");
  if (node.has("shipped")) shipped_into(node.at("shipped"), entry);
  if (entry.marks.empty()) node.refuse("an entry without marks matches every request", "give it \"marks\"");
  return entry;
}

std::vector<PackEntry> entries_of(const Node& root, std::string_view key, const Shape& shape, bool chat) {
  std::vector<PackEntry> entries;
  for (const Node& item : root.items(key)) {
    entries.push_back(entry_of(item, shape, chat));
    const auto same = [&](const PackEntry& e) { return e.name == entries.back().name; };
    if (std::count_if(entries.begin(), entries.end(), same) > 1)
      item.at("name").refuse("a second entry of this name: \"" + entries.back().name + "\"");
  }
  return entries;
}

TaskHeader task_header_of(const Node& node) {
  node.object({"name", "values", "ignore"});
  TaskHeader header;
  header.name = node.at("name").text();
  const Node values = node.at("values");
  if (!values.json().is_object()) values.refuse("an object is expected");
  for (const auto& [value, name] : values.json().items())
    header.values.emplace(value, class_of(Node(name, values.pointer() + "/" + value)));
  header.ignored = node.texts("ignore");
  return header;
}

void headers_into(const Node& node, Pack& pack) {
  node.object({"task", "chat", "typist"});
  for (const Node& item : node.items("task")) pack.task_headers.push_back(task_header_of(item));
  pack.chat_headers = node.texts("chat");
  pack.typist_headers = node.texts("typist");
}

Contract contract_of(const Node& node) {
  node.object({"class", "keys"});
  Contract contract;
  contract.request_class = class_of(node.at("class"));
  for (const Node& key : node.items("keys"))
    contract.asks.push_back(asks_mark(key, key.text(), Where::anywhere));
  if (node.has("keys")) return contract;
  const std::string_view own = class_row(contract.request_class).contract.key;
  if (own.empty()) node.refuse("the class has no JSON key of its own", "name it: \"keys\": [\"...\"]");
  contract.asks.push_back(asks_mark(node, std::string(own), Where::anywhere));
  return contract;
}

std::shared_ptr<const Pack> pack_of(const Node& root, std::string_view source) {
  root.object({"$schema", "format", "pack", "version", "about", "headers", "history", "unfilled", "contracts",
               "shape", "chats", "entries"});
  if (root.at("format").json() != known_format)
    root.at("format").refuse("this program reads format 1", "use a pack of that format, or a newer program");
  auto pack = std::make_shared<Pack>();
  pack->name = root.at("pack").text();
  pack->version = root.at("version").text();
  pack->source = source;
  if (root.has("headers")) headers_into(root.at("headers"), *pack);
  if (root.has("history")) {
    root.at("history").object({"opens"});
    pack->history_opens = root.at("history").texts("opens");
  }
  const Shape shape = root.has("shape") ? shape_of(root.at("shape"), Shape{}) : Shape{};
  const Shape any_shape{{}, std::nullopt, std::nullopt, std::nullopt, {}};
  pack->chats = entries_of(root, "chats", any_shape, true);
  pack->entries = entries_of(root, "entries", shape, false);
  for (const Node& item : root.items("unfilled")) {
    Mark mark;
    mark.where = Where::anywhere;
    mark.text = item.text();
    mark.pattern = compile(item, mark.text);
    pack->unfilled.push_back(std::move(mark));
  }
  for (const Node& item : root.items("contracts")) pack->contracts.push_back(contract_of(item));
  return pack;
}

}  // namespace

Result<std::shared_ptr<const Pack>> parse_pack(std::string_view text, std::string_view source) {
  const auto json = JsonText::parse(text, source);
  if (!json) return json.error();
  try {
    return pack_of(Node(json->value(), ""), source);
  } catch (const Refusal& refusal) {
    const std::string where =
        json->position(refusal.pointer) + ": " + (refusal.pointer.empty() ? "/" : refusal.pointer);
    return Error{refusal.what, where, refusal.hint, ExitCode::usage};
  }
}

Result<std::optional<std::string>> read_pack(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error) && !error) return std::optional<std::string>();
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf()))
    return Error{"the pack cannot be read", file.string(), "is it there, and readable?", ExitCode::usage};
  return std::optional(text.str());
}

Result<std::shared_ptr<const Pack>> load_pack(const std::filesystem::path& file) {
  const Result<std::optional<std::string>> text = read_pack(file);
  if (!text) return text.error();
  if (!*text)
    return Error{"the pack cannot be read", file.string(), "is it there, and readable?", ExitCode::usage};
  return parse_pack(**text, file.string());
}

namespace {

Result<std::shared_ptr<const Pack>> find_pack(const std::string& name,
                                              const std::vector<std::filesystem::path>& directories,
                                              const ReadPack& read) {
  std::string looked;
  const bool plain = !name.empty() && name.find('/') == std::string::npos;
  for (const auto& directory : directories) {
    looked += (looked.empty() ? "looked in " : ", ") + directory.string();
    if (!plain) continue;
    const std::filesystem::path file = directory / (name + ".json");
    const Result<std::optional<std::string>> text = read(file);
    if (!text) return text.error();
    if (*text) return parse_pack(**text, file.string());
  }
  if (const auto builtin = builtin_pack(name); plain && builtin)
    return parse_pack(*builtin, "built-in pack " + name);
  return Error{"no pack of the name \"" + name + "\"", "packs", looked, ExitCode::usage};
}

}  // namespace

Result<std::vector<std::shared_ptr<const Pack>>> find_packs(
    const std::vector<std::string>& names, const std::vector<std::filesystem::path>& directories,
    const ReadPack& read) {
  std::vector<std::shared_ptr<const Pack>> packs;
  for (const std::string& name : names) {
    auto pack = find_pack(name, directories, read);
    if (!pack) return pack.error();
    packs.push_back(std::move(*pack));
  }
  return packs;
}

}  // namespace tasklane
