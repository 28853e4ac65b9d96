// A request's body, read for those who decide on it: a small one at once, a large or packed one beside the
// event loop, so that nobody else waits for it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "shaper/dialect/body.h"
#include "userspace/serve/relay_context.h"
#include "userspace/serve/request.h"

namespace tasklane {

class Reading {
 public:
  // Plain bodies up to this size are read on the event loop: a fraction of a millisecond.
  static constexpr std::size_t largest_at_once = 64U << 10;

  Reading(RelayContext& context, Request& request) : context_(context), request_(request) {}

  // Reads the body, unless that takes long: then false, and read_beside() does it. There is none afterwards
  // where it is not whole, everything is bypassed, or more is being read than is worth waiting for: then it
  // counts as past the limit.
  bool read_at_once();
  Awaitable<void> read_beside();
  // What takes the longer the larger the body is takes long: see work().
  [[nodiscard]] bool is_large() const { return own_ != nullptr; }
  // Null: there is none to decide on. Of a small one the facts last until anybody's next body is read.
  [[nodiscard]] const BodyFacts* body() const { return body_; }
  // The facts are needed no more: gives back what a large body took.
  void forget() {
    body_ = nullptr;
    own_.reset();
  }

  // Runs what is pure and takes the longer the larger the body is: beside the event loop. Of a small one it
  // is run without this, for that takes no wait.
  template <class Work>
  Awaitable<void> work(Work work) {
    return context_.side.run(request_.body().size(), std::move(work));
  }

 private:
  [[nodiscard]] std::string_view coding() const;
  [[nodiscard]] std::uint64_t bytes_beside() const;
  RelayContext& context_;
  Request& request_;
  std::unique_ptr<BodyReader> own_;  // of a large body
  const BodyFacts* body_ = nullptr;
};

}  // namespace tasklane
