// A task asked as the next message of the chat that it quotes, instead of by a prompt of its own: the server
// finds the chat in its cache, reads the instructions alone, and is left with the chat and its answer cached.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "shaper/base/request_class.h"
#include "shaper/base/result.h"
#include "shaper/base/time.h"
#include "shaper/dialect/ordered_json.h"
#include "shaper/task/kept_chats.h"

namespace tasklane {

// Whether a task of this class is about a chat, and nothing else.
bool can_be_grafted(RequestClass request_class);

struct GraftWish {
  const KeptChat& chat;  // the last one of the server to which the task goes
  // The task as it would be asked.
  const OrderedJson& task;
  Dialect dialect;
  RequestClass request_class;
  const std::string& model;
  Tenant tenant;
  Time arrived;
  std::uint64_t named_chat = 0;  // Classification::named_chat
  bool has_twins = false;        // KeptChats::has_twins()
};

struct Graft {
  OrderedJson json;
  std::size_t added_tokens = 0;   // estimated: what is not the chat's
  std::uint64_t chat = 0;         // the conversation
  std::size_t chat_tokens = 0;    // by the server; 0: it did not tell
  std::uint64_t read_tokens = 0;  // that were not in its cache, as far as that is known
};

// Only where it is certain that the task quotes this very chat and nothing else. Error: why it is asked as it
// came.
Result<Graft> graft(const GraftWish& wish);

}  // namespace tasklane
