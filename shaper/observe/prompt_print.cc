#include "shaper/observe/prompt_print.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <string>

namespace tasklane::observe {
namespace {

PartRole role_of(Role role) {
  switch (role) {
    case Role::system:
      return PartRole::system;
    case Role::user:
      return PartRole::user;
    case Role::assistant:
      return PartRole::assistant;
    case Role::tool:
      return PartRole::tool;
    case Role::other:
      return PartRole::other;
  }
  return PartRole::other;
}

class Printing {
 public:
  Printing(const TextHasher& hasher, PromptPrint& print) : hasher_(hasher), print_(print) {}

  void part(PartRole role, std::string_view text) {
    PromptPart part;
    part.role = role;
    part.bytes = static_cast<std::uint32_t>(text.size());
    part.hash = hasher_.hash(text);
    chain_ = mixed(chain_, static_cast<std::uint64_t>(role) + 1);
    for (std::size_t at = 0; at == 0 || at < text.size(); at += PromptPrint::block_at(at)) {
      chain_ = mixed(chain_, hasher_.hash(text.substr(at, PromptPrint::block_at(at))));
      part.blocks.push_back(static_cast<std::uint32_t>(chain_ >> 32U));
    }
    print_.bytes += text.size();
    print_.parts.push_back(std::move(part));
  }

 private:
  [[nodiscard]] std::uint64_t mixed(std::uint64_t one, std::uint64_t two) const {
    const std::array<std::uint64_t, 2> both{one, two};
    return hasher_.hash({reinterpret_cast<const char*>(both.data()), sizeof both});
  }

  const TextHasher& hasher_;
  PromptPrint& print_;
  std::uint64_t chain_ = 0;
};

// As they stand in the body.
std::string tools_of(std::string_view json) {
  namespace od = simdjson::ondemand;
  thread_local od::parser parser;
  const simdjson::padded_string padded(json);
  od::document document;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return {};
  od::value tools;
  if (document["tools"].get(tools) != simdjson::SUCCESS) return {};
  std::string_view raw;
  od::array list;
  if (tools.get_array().get(list) != simdjson::SUCCESS || list.raw_json().get(raw) != simdjson::SUCCESS)
    return {};
  return std::string(raw);
}

}  // namespace

std::string_view to_text(PartRole role) {
  constexpr std::array<std::string_view, 6> names{"tools", "system", "user", "assistant", "tool", "other"};
  return names.at(static_cast<std::size_t>(role));
}

PromptPrint print_of(const TextHasher& hasher, const BodyFacts& body) {
  PromptPrint print;
  Printing printing(hasher, print);
  if (body.has_tools)
    if (const std::string tools = tools_of(body.json); !tools.empty()) printing.part(PartRole::tools, tools);
  for (const Message& message : body.messages) printing.part(role_of(message.role), message.text);
  return print;
}

Common common_beginning(const PromptPrint& one, const PromptPrint& other) {
  Common common;
  const std::size_t parts = std::min(one.parts.size(), other.parts.size());
  for (std::size_t i = 0; i < parts; ++i) {
    const PromptPart& a = one.parts[i];
    const PromptPart& b = other.parts[i];
    const std::size_t blocks = std::min(a.blocks.size(), b.blocks.size());
    std::size_t same = 0;
    std::uint64_t bytes = 0;
    for (; same < blocks && a.blocks[same] == b.blocks[same]; ++same) bytes += PromptPrint::block_at(bytes);
    const bool whole = same == a.blocks.size() && same == b.blocks.size();
    common.bytes += whole ? a.bytes : std::min<std::uint64_t>(bytes, std::min(a.bytes, b.bytes));
    if (!whole) break;
    ++common.parts;
  }
  return common;
}

}  // namespace tasklane::observe
