// What one request to an upstream with a price costs. Its prompt is charged when it is sent, for that is paid
// whatever becomes of the answer; how the request ends can correct this, but nothing can leave it out. Takes
// the time as it is given; not thread-safe.
#pragma once

#include <cstdint>

#include "shaper/base/money.h"
#include "shaper/base/time.h"
#include "shaper/dialect/answer.h"
#include "shaper/server/spending.h"

namespace tasklane {

class Bill {
 public:
  // `prompt_tokens`: estimated. `on` outlives this.
  Bill(Spending& on, const Price& price, std::uint64_t prompt_tokens, Time sent)
      : on_(&on), price_(price), prompt_tokens_(prompt_tokens) {
    charge(price_.of(prompt_tokens_, 0), sent);
  }

  // By the usage that the server told; else by the estimates of the prompt, and of what has come of `answer`.
  void settle(const Answer& answer, Time now);
  // It was not computed: the server refused it, or cannot have read it.
  void waive(Time now) { charge({}, now); }

 private:
  void charge(Money whole, Time now) {
    on_->spend(now, whole - charged_);
    charged_ = whole;
  }

  Spending* on_;
  Price price_;
  std::uint64_t prompt_tokens_;
  Money charged_{};
};

}  // namespace tasklane
