// What the classifier says of a request, and the evidence for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/request_class.h"

namespace tasklane {

// Where the class comes from, strongest first (design: "Telling tasks from chats").
enum class Evidence { none, path, header, pack, echo };

std::string_view to_text(Evidence evidence);

// What tells who typed a request, weakest first (shaper/classify/typist.h).
enum class TypistEvidence { address, chat, header };

// Identities for one run of the agent; 0 means unknown. Keyed hashes, never text.
using RequestId = std::uint64_t;
using ChatKey = std::uint64_t;
using TypistKey = std::uint64_t;

// An earlier request that turns out to be a task of a chat, and of which class: by the JSON key that it asks
// for where it asks for one, else `task`.
struct Unmasked {
  RequestId id = 0;
  RequestClass request_class = RequestClass::task;
};

struct Classification {
  RequestClass request_class = RequestClass::other;
  Evidence evidence = Evidence::none;
  double score = 0;              // 0 to 1; below the threshold a request is a chat
  std::string mark;              // "<pack>/<entry>" where a pack decided
  bool task_shaped = false;      // not streamed, [user] or [system, user], no tools, no images: could be one
  bool may_be_unmasked = false;  // held in mind: a chat that comes may show that it is a task of its own
  ChatKey chat = 0;              // the chat that it is, or that it quotes
  TypistKey typist = 0;          // who typed it, by the best evidence there is
  TypistEvidence typist_by = TypistEvidence::address;
  TypistKey editor = 0;    // of a keystroke: in which chat it is typed, where that tells more than the typist
  TypistKey newcomer = 0;  // of a chat's first turn: who its keystrokes were from, when they quoted nothing
  std::vector<Unmasked> unmasked;    // earlier requests that this chat shows to be its tasks (late echo)
  std::vector<std::string> reasons;  // in words, only where asked for (explain)
};

// The same request once a chat has shown that it is a task of that class.
inline Classification shown_to_be(RequestClass request_class, Classification classification) {
  classification.request_class = request_class;
  classification.evidence = Evidence::echo;
  classification.may_be_unmasked = false;
  return classification;
}

}  // namespace tasklane
