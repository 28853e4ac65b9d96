// The last chat of each server, word for word: what its tasks are asked on top of, and what is asked again
// behind other work. In memory alone; what is too old is forgotten.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "shaper/base/identity.h"
#include "shaper/base/time.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/server/server_key.h"
#include "shaper/task/kept_answer.h"

namespace tasklane {

struct KeptChat {
  std::string body;  // of its request, decoded
  KeptAnswer answer;
  Dialect dialect = Dialect::none;
  std::string model;
  Tenant tenant;
  Conversation chat;
  std::size_t tokens = 0;  // of prompt and answer, by the server; 0: it did not tell
  Time arrived{};          // the request
  Time ended{};            // and its answer
};

class KeptChats {
 public:
  // A person who comes back later than this has waited already, and others may have come.
  static constexpr Duration oldest = std::chrono::minutes(10);
  static constexpr std::size_t longest_body = 4U << 20U;

  // In the place of the one before.
  void keep(const ServerKey& server, std::shared_ptr<const KeptChat> chat) {
    chats_[server] = std::move(chat);
  }
  // Null: none.
  [[nodiscard]] std::shared_ptr<const KeptChat> of(const ServerKey& server, Time now) const {
    const auto found = chats_.find(server);
    if (found == chats_.end() || now >= found->second->ended + oldest) return nullptr;
    return found->second;
  }
  void forget(const ServerKey& server) { chats_.erase(server); }
  void sweep(Time now) {
    std::erase_if(chats_, [&](const auto& each) { return now >= each.second->ended + oldest; });
  }

 private:
  std::map<ServerKey, std::shared_ptr<const KeptChat>> chats_;
};

}  // namespace tasklane
