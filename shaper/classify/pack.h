// A rule pack: what one front end's background requests look like, read from a JSON file
// (config/packs/README.md). Passive data, shared between threads; packs are replaced as a whole, never
// changed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/request_class.h"
#include "shaper/base/result.h"
#include "shaper/dialect/endpoint.h"

namespace re2 {
class RE2;
}

namespace tasklane {

// The part of a prompt that a mark looks at. All but `system*` are parts of the last user message.
enum class Where {
  start,         // its first characters, leading white space aside
  end,           // its last characters, trailing white space aside
  instructions,  // from the start to where the quoted conversation opens
  tail,          // its last 1,024 bytes
  anywhere,
  system_start,
  system,
};

// One sign that a prompt must show (or, as a veto, must not).
struct Mark {
  Where where = Where::start;
  std::string text;                         // plain text, or what `pattern` was compiled from
  std::shared_ptr<const re2::RE2> pattern;  // null: plain text
  std::string asks;  // the one key of the object that the prompt asks for; `pattern` finds it in contracts
};

// What a request must look like before its words are looked at. An empty list: no condition.
struct Shape {
  std::vector<Dialect> dialects = dialects_of_tasks();
  std::optional<bool> stream = false;
  std::optional<bool> tools = false;
  std::optional<bool> images = false;
  std::vector<Dialect> model_first;  // dialects in which `model` is the body's first key; else it weighs less
};

struct PackEntry {
  std::string name;
  RequestClass request_class = RequestClass::task;
  std::string releases;  // in words, for people
  double score = 0.9;
  bool only_echo = false;  // of a known chat: it speaks against the echo, not against an entry
  Shape shape;
  std::vector<Mark> marks;   // all of them
  std::vector<Mark> vetoes;  // none of them
  // Which templates the front end ships, by their words (wording.h), where the marks do not tell: somebody's
  // own in the same frame matches too.
  std::vector<std::uint64_t> shipped;
  bool shipped_by_its_marks = false;  // the marks are whole sentences of a shipped one
};

// A header that names the task. A value that is not listed says that the request is one, but not which.
struct TaskHeader {
  std::string name;
  std::map<std::string, RequestClass, std::less<>> values;
  std::vector<std::string> ignored;  // values that say nothing
};

// The JSON key that tells what a prompt asks for, whatever its language.
struct Contract {
  RequestClass request_class = RequestClass::task;
  std::vector<Mark> asks;
};

struct Pack {
  std::string name;
  std::string version;
  std::string source;
  std::vector<TaskHeader> task_headers;
  std::vector<std::string> chat_headers;    // name the chat
  std::vector<std::string> typist_headers;  // name the person, best first
  std::vector<std::string> history_opens;   // texts that open the quoted conversation
  std::vector<Mark> unfilled;               // placeholders that an older release leaves in a newer template
  std::vector<PackEntry> entries;           // the first one that matches decides
  std::vector<PackEntry> chats;             // known chats: neither an entry nor the echo makes a task of them
  std::vector<Contract> contracts;
};

// Errors carry the source, the line and the JSON pointer.
Result<std::shared_ptr<const Pack>> parse_pack(std::string_view text, std::string_view source);
Result<std::shared_ptr<const Pack>> load_pack(const std::filesystem::path& file);

// A pack's text; none: there is no such file.
using ReadPack = std::function<Result<std::optional<std::string>>(const std::filesystem::path&)>;
Result<std::optional<std::string>> read_pack(const std::filesystem::path& file);

// For each name the first `<directory>/<name>.json`, else the pack of that name that is built in.
Result<std::vector<std::shared_ptr<const Pack>>> find_packs(
    const std::vector<std::string>& names, const std::vector<std::filesystem::path>& directories,
    const ReadPack& read = read_pack);

// The text of a pack that comes with the program (config/packs), or nothing.
std::optional<std::string_view> builtin_pack(std::string_view name);

}  // namespace tasklane
