// The classifier: request in, class out. Holds the packs and the echo's memory; no text of any request stays.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/base/time.h"
#include "shaper/classify/classification.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/http/request_head.h"

namespace tasklane {

struct Pack;  // shaper/classify/pack.h

struct ClassifyInput {
  RequestId id = 0;  // chosen by the caller, unique in this run, never 0 where the echo is to be late
  const RequestHead& head;
  Endpoint endpoint;
  const BodyFacts* body = nullptr;  // null: not read (no generation endpoint, or past the limit)
  std::string_view client;          // the client's address without port
  Time now;
  bool explain = false;  // fill Classification::reasons
};

struct ClassifierOptions {
  double threshold = 0.5;        // below it a pack's entry, or a quote, counts for nothing
  std::uint64_t secret_low = 0;  // the echo's hash key; the agent draws it at start
  std::uint64_t secret_high = 0;
};

// Not thread-safe.
class Classifier {
 public:
  explicit Classifier(std::vector<std::shared_ptr<const Pack>> packs, ClassifierOptions options = {});
  ~Classifier();
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;

  Classification classify(const ClassifyInput& input);

  // The request has been answered or has gone: it can no longer be unmasked, and what comes right behind it
  // may be its chat's tasks.
  void ended(RequestId id, Time now);
  // The same of a chat whose answer is not known to have ended, but must have: nothing else is changed.
  void chat_ended(RequestId id, Time now);

  [[nodiscard]] const std::vector<std::shared_ptr<const Pack>>& packs() const;
  // Packs anew (reload); what the echo remembers stays.
  void use_packs(std::vector<std::shared_ptr<const Pack>> packs);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tasklane
