// Requests that went on as chats and may turn out to be titles of a chat that comes right behind (late echo).
// Each can be told so while it is on its way; its certainty then is one that lets it be cancelled.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "shaper/classify/classification.h"

namespace tasklane {

class LateEcho {
 public:
  // Called at most once, from the event loop, with what the request turns out to be.
  using Action = std::function<void(const Unmasked&)>;

  // Ends with its scope.
  class Watch {
   public:
    Watch() = default;
    Watch(LateEcho& echo, RequestId id, Action action) : echo_(&echo), id_(id) {
      echo.watched_[id] = std::move(action);
    }
    ~Watch() {
      if (echo_ != nullptr) echo_->watched_.erase(id_);
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    LateEcho* echo_ = nullptr;
    RequestId id_ = 0;
  };

  void unmask(const std::vector<Unmasked>& unmasked) {
    for (const Unmasked& each : unmasked)
      if (auto found = watched_.extract(each.id)) found.mapped()(each);
  }

 private:
  std::map<RequestId, Action> watched_;
};

}  // namespace tasklane
