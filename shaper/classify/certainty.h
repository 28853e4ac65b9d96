// How sure it is that nobody waits for a request, and what may be done to it for that. Evidence says what a
// request is; what follows from it stands here alone (the sheet in config/packs/README.md is this table).
//
//                                            wait  cancel  constrain  cap, answer, share  redirect
//   named     a header, or a pack entry       yes   yes     yes        yes                 yes
//             matched whole
//   contract  echo and the exact contract     yes   yes     its own    no                  yes
//             of a class, at its time                       schema
//   learnt    a shape that its tenant sends   yes   no      no         no                  no
//             right behind its chats
//   echo      it quotes a chat                no    no      no         no                  no
//   none      nothing shows a task            no    no      no         no                  no
//
// Classes that a person waits for (blocking: query, image_prompt, tool_selection) have a power only where
// they are named: else nothing tells them from a plugin's question.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/base/request_class.h"

namespace tasklane {

// Weakest first.
enum class Certainty { none, echo, learnt, contract, named };
inline constexpr std::array<Certainty, 5> all_certainties{Certainty::none, Certainty::echo, Certainty::learnt,
                                                          Certainty::contract, Certainty::named};

// One thing that may be done to a request.
enum class May {
  wait,       // settle, hold, quiet: it is sent later
  cancel,     // while it runs, to be asked again, unseen by its client
  constrain,  // the schema of its answer
  cap,        // a token cap, thinking off
  answer,     // empty, or from memory
  share,      // one answer for several, the newest for the older ones
  redirect,   // by a rule: another upstream, a changed body
};
inline constexpr std::array<May, 7> all_powers{May::wait,   May::cancel, May::constrain, May::cap,
                                               May::answer, May::share,  May::redirect};

std::string_view to_text(Certainty certainty);
std::string_view to_text(May may);

// What may be done to one request. Only power_of() makes one that allows anything, and it can only be made
// less.
class Power {
 public:
  Power() = default;

  [[nodiscard]] bool may(May what) const { return (bits_ & bit(what)) != 0; }
  [[nodiscard]] bool nothing() const { return bits_ == 0; }
  [[nodiscard]] Power without(May what) const { return Power(bits_ & ~bit(what)); }
  // The names of all that is allowed, in the table's order.
  [[nodiscard]] std::vector<std::string_view> names() const;
  bool operator==(const Power&) const = default;

 private:
  friend Power power_of(Certainty certainty, RequestClass request_class);
  friend Power power_by_rule(bool may_cancel);
  explicit Power(unsigned bits) : bits_(bits) {}
  static constexpr unsigned bit(May may) { return 1U << static_cast<unsigned>(may); }
  static Power of(std::initializer_list<May> list);

  unsigned bits_ = 0;
};

// Of chats, compaction and whatever else is no task: nothing, however certain its class is.
Power power_of(Certainty certainty, RequestClass request_class);

// What a person who writes a rule for somebody's batch job gives: it may wait, and be cancelled while no byte
// of an answer has been passed on. Never more, for nobody knows what its answer looks like.
Power power_by_rule(bool may_cancel);

// Where a request stands: in a lane, with what may be done to it there. No lane but the interactive one, in
// which nothing waits, is to be had without the power to wait.
class Standing {
 public:
  Standing() = default;
  Standing(Lane lane, Power power)
      : lane_(power.may(May::wait) ? lane : Lane::interactive),
        power_(lane_ == Lane::interactive ? Power() : power) {}

  operator Lane() const { return lane_; }  // NOLINT(google-explicit-constructor): it is a lane, and more
  [[nodiscard]] bool may(May what) const { return power_.may(what); }

 private:
  Lane lane_ = Lane::interactive;
  Power power_;
};

// A line for each May: "may wait: ...", "may not be cancelled: ..." and why.
// `as_shipped`: it is worded as the front end ships it (Classification).
std::vector<std::string> powers_in_words(Certainty certainty, RequestClass request_class, bool as_shipped);

}  // namespace tasklane
