// Prompts that a server has cut without a word, because the context that it was loaded with is too small:
// Ollama answers 200 to what it has not read whole. Seen by the figures of its answers, and counted for each
// client and model. Pure; not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shaper/dialect/body.h"
#include "shaper/dialect/figures.h"

namespace tasklane {

// So many tokens these messages have at the least, in any tokenizer: a third of the usual estimate, repeated
// characters as one. What the assistant said is left out, for templates drop thoughts; so are tools.
std::uint64_t least_tokens(const std::vector<Message>& messages);

class CutPrompts {
 public:
  static constexpr std::size_t most = 128;
  // Below it the server's own words around a prompt weigh too much.
  static constexpr std::uint64_t least_judged = 512;

  struct Seen {
    std::uint64_t count = 0;
    std::uint64_t sent_at_least = 0;  // tokens of the last one
    std::uint64_t read = 0;           // of it
  };
  struct Of {
    std::string client;  // address
    std::string model;
    auto operator<=>(const Of&) const = default;
  };

  // Whether a body of so many bytes has more in it than these figures explain, at best.
  [[nodiscard]] static bool may_be_cut(std::size_t bytes, const UpstreamFigures& figures);

  // An answer of status 200 has come. Figures count the whole prompt, what was cached too (Ollama's
  // prompt_eval_count does, seen of 0.32.15; llama-server tells both parts).
  void answered(const Of& of, std::uint64_t sent_at_least, const UpstreamFigures& figures);

  [[nodiscard]] const std::map<Of, Seen>& all() const { return seen_; }

 private:
  std::map<Of, Seen> seen_;
};

}  // namespace tasklane
