// The prefix doctor: what of a chat's prompt its server had read before, what of that it read anew, and which
// message is to blame. By hashes alone.
//
// Of servers that do not tell how many tokens they took from their cache (Ollama) it is told by the time that
// they took, once a prompt without a known beginning has shown how fast they read.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "shaper/observe/observed_request.h"

namespace tasklane::observe {

class PrefixDoctor {
 public:
  static constexpr std::size_t most_prompts = 48;  // of each model on each server
  static constexpr std::size_t most_models = 64;

  // A request with a prompt; fills what is known of it beforehand.
  void asked(ObservedRequest& request);
  // It was answered, with its figures.
  void answered(ObservedRequest& request);

 private:
  struct Known {
    RequestId id = 0;
    RequestClass request_class = RequestClass::other;
    Tenant tenant;
    PromptPrint print;
  };
  struct Model {
    std::deque<Known> prompts;  // oldest first
    double cold_tokens = 0, cold_seconds = 0;
    std::uint64_t used = 0;
  };
  using Key = std::pair<SocketName, std::string>;

  Model& model_of(const ObservedRequest& request);
  static const Known* turn_before(const Model& model, const ObservedRequest& request);

  std::map<Key, Model> models_;
  std::uint64_t uses_ = 0;
};

}  // namespace tasklane::observe
