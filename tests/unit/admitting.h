// One admission in virtual time, and what its actions say.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "shaper/admit/admission.h"
#include "unit/start.h"

namespace tasklane {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Admitting : public testing::Test {
 protected:
  static Ticket ticket(RequestId id, Lane lane, const std::string& upstream = "model") {
    Ticket made;
    made.id = id;
    made.upstream = upstream;
    made.request_class = lane == Lane::interactive ? RequestClass::chat
                         : lane == Lane::keystroke ? RequestClass::autocomplete
                                                   : RequestClass::title;
    made.lane = Standing(lane, power_of(Certainty::named, made.request_class));
    return made;
  }
  static bool starts(const Actions& actions, RequestId id) {
    return std::any_of(actions.begin(), actions.end(), [id](const Action& action) {
      const auto* begun = std::get_if<Start>(&action);
      return begun != nullptr && begun->id == id;
    });
  }
  static bool cancels(const Actions& actions, RequestId id) {
    return std::any_of(actions.begin(), actions.end(), [id](const Action& action) {
      const auto* cancelled = std::get_if<Cancel>(&action);
      return cancelled != nullptr && cancelled->id == id;
    });
  }
  static bool answers(const Actions& actions, RequestId id) {
    return std::any_of(actions.begin(), actions.end(), [id](const Action& action) {
      const auto* answered = std::get_if<AnswerNow>(&action);
      return answered != nullptr && answered->id == id;
    });
  }
  static bool shares(const Actions& actions, RequestId id, RequestId leader) {
    return std::any_of(actions.begin(), actions.end(), [&](const Action& action) {
      const auto* share = std::get_if<Share>(&action);
      return share != nullptr && share->id == id && share->leader == leader;
    });
  }
  // From the start to 4 s behind it.
  void answer_a_chat_and_then_a_task() {
    admission_.arrive(ticket(1, Lane::interactive), start);
    admission_.can_rewarm("model", Conversation({7}), start + 600s);
    admission_.finished(1, start + 1s);
    admission_.arrive(ticket(2, Lane::background), start + 1s);
    admission_.tick(start + 2500ms);
    admission_.finished(2, start + 4s);
  }
  Admission admission_;
};

}  // namespace tasklane
