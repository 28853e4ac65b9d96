#include "shaper/server/cut_prompts.h"

#include <algorithm>
#include <string_view>

#include "shaper/dialect/token_estimate.h"

namespace tasklane {
namespace {

// Twelve bytes of English a token: no tokenizer comes near it.
constexpr double margin = 3;

// Of ASCII alone: how many tokens other scripts have differs too much from one vocabulary to the next.
double tokens_of(std::string_view text) {
  const TokenEstimate estimate;
  double tokens = 0;
  char last = '\0';
  for (const char each : text) {
    if (each != last && static_cast<unsigned char>(each) < 0x80) tokens += estimate.of_byte(each);
    last = each;
  }
  return tokens;
}

// Fit to be shown on a terminal: a client may call a model anything.
bool is_plain(std::string_view name) {
  constexpr std::size_t longest_name = 200;
  const auto shows = [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != '\x7f'; };
  return name.size() <= longest_name && std::all_of(name.begin(), name.end(), shows);
}

// All of the prompt's; what was computed alone may be what was not in the cache.
std::uint64_t read_of(const UpstreamFigures& figures) {
  return figures.prompt_tokens || figures.cached_tokens ? prompt_of(figures) : 0;
}

}  // namespace

std::uint64_t least_tokens(const std::vector<Message>& messages) {
  double tokens = 0;
  for (const Message& message : messages)
    if (message.role != Role::assistant) tokens += tokens_of(message.text);
  return static_cast<std::uint64_t>(tokens / margin);
}

bool CutPrompts::may_be_cut(std::size_t bytes, const UpstreamFigures& figures) {
  // Of ASCII least_tokens() counts twelve as one, of all else none.
  constexpr std::size_t fewest_bytes = 9;
  const std::uint64_t sent = bytes / fewest_bytes;
  const std::uint64_t read = read_of(figures);
  return read > 0 && sent >= least_judged && read < sent;
}

void CutPrompts::answered(const Of& of, std::uint64_t sent_at_least, const UpstreamFigures& figures) {
  const std::uint64_t read = read_of(figures);
  if (read == 0 || sent_at_least < least_judged || read >= sent_at_least) return;
  if (!is_plain(of.model)) return;
  if (seen_.size() >= most && !seen_.contains(of)) return;
  Seen& seen = seen_[of];
  ++seen.count;
  seen.sent_at_least = sent_at_least;
  seen.read = read;
}

}  // namespace tasklane
