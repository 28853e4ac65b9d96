// What the classifier says of a request, and the evidence for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/identity.h"
#include "shaper/base/request_class.h"
#include "shaper/classify/certainty.h"

namespace tasklane {

// Where the class comes from, strongest first (design: "Telling tasks from chats").
enum class Evidence { none, path, header, pack, echo };

std::string_view to_text(Evidence evidence);

// What tells who typed a request, weakest first (shaper/classify/typist.h).
enum class TypistEvidence { address, chat, header };

// For one run of the agent; 0 means unknown.
using RequestId = std::uint64_t;

// An earlier request that a chat shows to be its title: it asks for a title's exact contract, of the same
// tenant, and came no longer than the settle time before.
struct Unmasked {
  RequestId id = 0;
  RequestClass request_class = RequestClass::title;
  Certainty certainty = Certainty::contract;
};

struct Classification {
  RequestClass request_class = RequestClass::other;
  Evidence evidence = Evidence::none;
  Certainty certainty = Certainty::none;
  double score = 0;  // 0 to 1; below the threshold a request is a chat
  std::string mark;  // "<pack>/<entry>" where a pack decided
  // Named, and its words are from first to last those of a template that the front end ships: their numbers
  // of items, lengths and token caps hold for it.
  bool worded_as_shipped = false;
  bool task_shaped = false;      // not streamed, [user] or [system, user], no tools, no images: could be one
  bool may_be_unmasked = false;  // held in mind: a chat that comes may show that it is a task of its own
  Tenant tenant;
  Conversation chat;  // of a chat: its messages
  Typist typist;      // who typed it, by the best evidence there is
  TypistEvidence typist_by = TypistEvidence::address;
  Editor editor;    // of a keystroke: where it is typed; unknown: nothing of it is remembered
  Typist newcomer;  // of a chat's first turn: who its keystrokes were from, when they quoted nothing
  std::uint64_t named_chat = 0;      // by a header of the front end's, as a hash; 0: none names it
  std::vector<Unmasked> unmasked;    // earlier requests that this chat shows to be its titles (late echo)
  std::vector<std::string> reasons;  // in words, only where asked for (explain)

  // Of a chat whose person nothing names: its first words, with which another person's may begin too.
  [[nodiscard]] Typist first_words() const { return typist_by == TypistEvidence::chat ? typist : Typist(); }
  [[nodiscard]] Power power() const { return power_of(certainty, request_class); }
};

// The same request once a chat has shown what it is.
inline Classification shown_to_be(const Unmasked& unmasked, Classification classification) {
  classification.request_class = unmasked.request_class;
  classification.certainty = unmasked.certainty;
  classification.evidence = Evidence::echo;
  classification.may_be_unmasked = false;
  return classification;
}

}  // namespace tasklane
