#include "shaper/decide/json_cursor.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "shaper/base/shown.h"

namespace tasklane {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string suggest(std::string_view word, const std::vector<std::string_view>& known) {
  const auto closest = std::min_element(known.begin(), known.end(), [&](auto a, auto b) {
    return edit_distance(word, a) < edit_distance(word, b);
  });
  std::string all;
  if (closest != known.end() && edit_distance(word, *closest) <= (word.size() + 2) / 3)
    all = "did you mean '" + shown_value(*closest) + "'? ";
  all += known.empty() ? "none is known" : "known are: ";
  for (std::size_t i = 0; i < known.size(); ++i) all.append(i == 0 ? "" : ", ").append(shown_value(known[i]));
  return all;
}

void Problems::add(const std::string& pointer, const std::string& owner, const std::string& what,
                   const std::string& hint) {
  std::string line = text_.position(pointer) + ": " + (pointer.empty() ? "/" : shown_pointer(pointer)) + ": ";
  if (!owner.empty()) line += shown_message(owner) + ": ";
  line += shown_message(what);
  if (!hint.empty()) line += " (" + shown_message(hint) + ")";
  // What is true of each address of an upstream is told once.
  if (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) lines_.push_back(std::move(line));
}

Error Problems::error() const {
  Error error;
  for (const std::string& line : lines_) error.what += (error.what.empty() ? "" : "\n") + line;
  return error;
}

void judge_name(const JsonCursor& at, const std::string& name) {
  constexpr std::size_t longest = 200;
  if (shown(name, longest) != name)
    at.fail(
        "a name of more than " + std::to_string(longest) + " bytes, or with characters that are not shown",
        "logs and statistics name it");
}

JsonCursor JsonCursor::child(const std::string& token, const nlohmann::json& value) const {
  JsonCursor cursor(value, pointer_ + "/" + token, *problems_);
  cursor.owner_ = owner_;
  return cursor;
}

JsonCursor JsonCursor::owned_by(std::string owner) const {
  JsonCursor cursor = *this;
  cursor.owner_ = std::move(owner);
  return cursor;
}

void JsonCursor::fail(const std::string& what, const std::string& hint) const {
  if (!value_->is_string()) return problems_->add(pointer_, owner_, what, hint);
  // The value itself may hold quotes, among which nobody sees any more where it ends.
  const auto& value = value_->get_ref<const std::string&>();
  const std::string safe = shown_value(value);
  std::string told = what;
  if (safe != value)
    for (std::size_t at = told.find(value); at != std::string::npos; at = told.find(value, at + safe.size()))
      told.replace(at, value.size(), safe);
  problems_->add(pointer_, owner_, told, hint);
}

void JsonCursor::wrong_type(std::string_view wanted) const {
  fail("must be " + std::string(wanted) + ", not " + value_->type_name());
}

void JsonCursor::members(const Members& known, std::initializer_list<std::string_view> required) const {
  if (!value_->is_object()) return wrong_type("an object");
  for (const auto& [key, value] : value_->items()) {
    const auto setter = known.find(key);
    if (setter != known.end()) {
      setter->second(child(pointer_token(key), value));
      continue;
    }
    std::vector<std::string_view> names;
    for (const auto& [name, ignored] : known) names.push_back(name);
    child(pointer_token(key), value).fail("unknown key '" + shown_value(key) + "'", suggest(key, names));
  }
  for (const std::string_view name : required)
    if (!value_->contains(name)) fail("'" + std::string(name) + "' is missing");
}

void JsonCursor::members_only(std::string_view name, const Setter& setter) const {
  const auto found = value_->find(name);
  if (found != value_->end()) setter(child(pointer_token(name), *found));
}

void JsonCursor::each_member(const std::function<void(const std::string&, const JsonCursor&)>& visit) const {
  if (!value_->is_object()) return wrong_type("an object");
  for (const auto& [key, value] : value_->items()) visit(key, child(pointer_token(key), value));
}

void JsonCursor::one_or_more(const Setter& visit) const {
  if (value_->is_array() && value_->empty())
    return fail("the list is empty", "name at least one, or leave the key out");
  each(visit, true);
}

void JsonCursor::each(const Setter& visit, bool or_one) const {
  if (!value_->is_array()) {
    if (or_one) return visit(*this);
    return wrong_type("a list");
  }
  for (std::size_t index = 0; index < value_->size(); ++index)
    visit(child(std::to_string(index), (*value_)[index]));
}

std::optional<std::string> JsonCursor::text() const {
  if (value_->is_string()) return value_->get<std::string>();
  wrong_type("a text in quotes");
  return std::nullopt;
}

std::optional<bool> JsonCursor::boolean() const {
  if (value_->is_boolean()) return value_->get<bool>();
  wrong_type("true or false");
  return std::nullopt;
}

std::optional<std::int64_t> JsonCursor::integer(std::int64_t least, std::int64_t most) const {
  const std::string range = "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value_->is_number_integer()) {
    wrong_type(range);
    return std::nullopt;
  }
  const bool too_large =
      value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  if (!too_large && value_->get<std::int64_t>() >= least && value_->get<std::int64_t>() <= most)
    return value_->get<std::int64_t>();
  fail(value_->dump() + " is not " + range);
  return std::nullopt;
}

std::optional<Duration> JsonCursor::duration() const {
  const std::optional<std::string> written = text();
  if (!written) return std::nullopt;
  const Result<Duration> parsed = parse_duration(*written);
  if (parsed) return *parsed;
  fail(parsed.error().what, parsed.error().hint);
  return std::nullopt;
}

std::optional<ByteSize> JsonCursor::size() const {
  if (value_->is_number_unsigned()) return ByteSize{value_->get<std::uint64_t>()};
  if (!value_->is_string()) {
    wrong_type("a size like \"64MiB\"");
    return std::nullopt;
  }
  const Result<ByteSize> parsed = parse_byte_size(value_->get<std::string>());
  if (parsed) return *parsed;
  fail(parsed.error().what, parsed.error().hint);
  return std::nullopt;
}

}  // namespace tasklane
