// The last chat of each server, word for word: what its tasks are asked on top of, and what is asked again
// behind other work. In memory alone; what is too old is forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
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
  std::size_t tokens = 0;        // of prompt and answer, by the server; 0: it did not tell
  Time arrived{};                // the request
  Time ended{};                  // and its answer
  Typist first_words{};          // Classification::first_words()
  std::uint64_t named_chat = 0;  // Classification::named_chat
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
  // A chat with these first words came; `begins`: it is its first turn, else a later one.
  void came(Typist first_words, bool begins, Time now) {
    if (!first_words.known()) return;
    if (beginnings_.size() >= most_beginnings) sweep(now);
    if (beginnings_.size() >= most_beginnings) beginnings_.clear();
    Beginning& beginning = beginnings_[first_words.value()];
    if (now >= beginning.last + oldest) beginning.times = 0;
    if (begins || beginning.times == 0) ++beginning.times;
    beginning.last = now;
  }
  // Several chats began alike of late, by whoever: what quotes the beginning of one may quote another.
  [[nodiscard]] bool has_twins(const KeptChat& chat, Time now) const {
    const auto found = beginnings_.find(chat.first_words.value());
    return chat.first_words.known() && found != beginnings_.end() && found->second.times > 1 &&
           now < found->second.last + oldest;
  }
  void forget(const ServerKey& server) { chats_.erase(server); }
  void sweep(Time now) {
    std::erase_if(chats_, [&](const auto& each) { return now >= each.second->ended + oldest; });
    std::erase_if(beginnings_, [&](const auto& each) { return now >= each.second.last + oldest; });
  }

 private:
  static constexpr std::size_t most_beginnings = 4096;
  struct Beginning {
    unsigned times = 0;
    Time last{};
  };

  std::map<ServerKey, std::shared_ptr<const KeptChat>> chats_;
  std::unordered_map<std::uint64_t, Beginning> beginnings_;
};

}  // namespace tasklane
