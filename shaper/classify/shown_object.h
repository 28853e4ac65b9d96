// The JSON objects that a prompt shows, as people write them: any quotes, placeholders, ellipses. Tells what
// a prompt wants as its answer, and whether it wants exactly that.
#pragma once

#include <string_view>
#include <vector>

namespace tasklane {

enum class ShownType { text, texts, objects, other };

struct ShownKey {
  std::string_view name;
  ShownType type = ShownType::other;
};

struct ShownObject {
  std::vector<ShownKey> keys;
  bool in_array = false;  // an element of a list, by brackets or in words ("an array of {...}")
  bool whole = false;     // read to its closing brace
};

// Those that stand in no other object, in order. Braces without a quoted key are none.
std::vector<ShownObject> shown_objects(std::string_view text);

// The type of a class's own key; other keys may have any.
bool has_type_of(const ShownKey& key);

// Whether the text shows an object with this key, and each that has it is exact: no other key, the key's own
// type, no element of an array.
bool asks_exactly(std::string_view text, std::string_view key);

}  // namespace tasklane
