// A long task prompt asked in growing prefixes of itself, one generated token each, so that a chat
// which arrives waits for a slice and not for a whole batch of prefill. Asked whole at the end, it finds its
// prefix in the cache. Only for upstreams whose figures show that they keep it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/json_body.h"
#include "shaper/server/known_prefix.h"
#include "shaper/server/slice_options.h"

namespace tasklane {

class Slices {
 public:
  // `known`: of a prompt that the server is taken to have in its cache; what both begin with comes with the
  // first part, for a shorter prompt would push the longer one out. Nothing: no user message with text.
  static std::optional<Slices> cut(OrderedJson body, Dialect dialect, const SliceOptions& options,
                                   const KnownPrefix& known = {});

  // How the last user message begins, and how many bytes of that are known.
  [[nodiscard]] const KnownPrefix& beginning() const { return beginning_; }
  [[nodiscard]] std::size_t known_bytes() const { return known_bytes_; }

  // Estimated, of the last user message: what is not known.
  [[nodiscard]] double unread_tokens() const { return unread_tokens_; }

  // How many parts there are to ask before the whole: 0 where the prompt is no longer than one of them.
  [[nodiscard]] std::size_t count() const { return ends_.size(); }
  // The last part (from 0) of the next request, of `step` parts (at least 1), of which `asked` are behind.
  // None: what is left is less; ask the whole.
  [[nodiscard]] std::optional<std::size_t> next(std::size_t asked, std::size_t step) const;
  // Estimated, of the prompt up to and with part k.
  [[nodiscard]] std::size_t tokens(std::size_t k) const { return ends_.at(k).tokens; }
  // The request up to and with part k: the last user message cut at a word's end and within no character, one
  // token to generate, streamed, no format. Everything else, load options too, as in the whole.
  [[nodiscard]] std::string body(std::size_t k) const;

 private:
  struct End {
    std::size_t offset = 0;  // in the last user message
    std::size_t tokens = 0;
  };
  Slices() = default;

  Dialect dialect_ = Dialect::none;
  OrderedJson prepared_;  // with the message empty
  std::string text_;
  KnownPrefix beginning_;
  std::size_t known_bytes_ = 0;
  double unread_tokens_ = 0;
  std::vector<End> ends_;
};

}  // namespace tasklane
