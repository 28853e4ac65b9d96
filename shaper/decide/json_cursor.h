// Walks a configuration value by value. What is wrong is noted with its place and the walk goes on, so that a
// person gets every error of a file at once.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/json_text.h"
#include "shaper/base/units.h"

namespace tasklane {

// Every error found so far.
class Problems {
 public:
  explicit Problems(const JsonText& text) : text_(text) {}
  void add(const std::string& pointer, const std::string& owner, const std::string& what,
           const std::string& hint);
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  // One error with a line for each.
  [[nodiscard]] Error error() const;

 private:
  const JsonText& text_;
  std::vector<std::string> lines_;
};

// Of `known` the closest to a mistyped word, as a hint: "did you mean 'x'?", and the list of all.
std::string suggest(std::string_view word, const std::vector<std::string_view>& known);

class JsonCursor;
// A name of the user's choice, which logs, messages and terminals get as it is: noted where one could not
// show it so, or it is longer than anybody reads.
void judge_name(const JsonCursor& at, const std::string& name);

class JsonCursor {
 public:
  JsonCursor(const nlohmann::json& value, std::string pointer, Problems& problems)
      : value_(&value), pointer_(std::move(pointer)), problems_(&problems) {}

  using Setter = std::function<void(const JsonCursor&)>;
  using Members = std::map<std::string_view, Setter>;

  // An object: each member goes to its setter; an unknown one, and a missing one of `required`, is an error.
  void members(const Members& known, std::initializer_list<std::string_view> required = {}) const;
  // One member of an object, where it is there; the others are left alone.
  void members_only(std::string_view name, const Setter& setter) const;
  // An object with names of the user's choice.
  void each_member(const std::function<void(const std::string&, const JsonCursor&)>& visit) const;
  // A list; or one value that stands for a list of one, where `or_one`.
  void each(const Setter& visit, bool or_one = false) const;

  // So, but an empty list is an error: taken for "any" it would match what nobody meant.
  void one_or_more(const Setter& visit) const;

  // Empty after a note that the type is wrong.
  [[nodiscard]] std::optional<std::string> text() const;
  [[nodiscard]] std::optional<bool> boolean() const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
  [[nodiscard]] std::optional<Duration> duration() const;
  [[nodiscard]] std::optional<ByteSize> size() const;  // "64MiB", or a number of bytes

  void fail(const std::string& what, const std::string& hint = {}) const;
  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  // Names what the errors below belong to: "rule 'x'".
  [[nodiscard]] JsonCursor owned_by(std::string owner) const;

 private:
  [[nodiscard]] JsonCursor child(const std::string& token, const nlohmann::json& value) const;
  void wrong_type(std::string_view wanted) const;

  const nlohmann::json* value_;
  std::string pointer_;
  Problems* problems_;
  std::string owner_;
};

}  // namespace tasklane
