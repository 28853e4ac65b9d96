// Whatever the schedule, nothing crosses tenants: three tenants send the same chats, titles and keystrokes,
// and no answer, suggestion, error or end of a request of one is drawn from another's.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "shaper/admit/admission.h"
#include "shaper/dialect/canonical.h"
#include "shaper/dialect/json_body.h"
#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

const std::array<std::vector<HeaderField>, 3> tenants{{
    {{"User-Agent", "front/1"}},
    {{"User-Agent", "front/1"}, {"Authorization", "Bearer two"}},
    {{"User-Agent", "front/1"}, {"X-OpenWebUI-User-Id", "three"}},
}};
const std::array<const char*, 3> questions{"Hello", "How do I cook rice without burning it on an old stove?",
                                           "Where do swifts sleep while they fly over the sea?"};
const std::array<const char*, 4> texts{"How", "How do I", "How do I co", "Tell me"};

class Tenants : public testing::TestWithParam<unsigned> {
 protected:
  struct Known {
    std::size_t tenant = 0;
    Ticket ticket;
    bool running = false;
    RequestId leader = 0;  // whose answer it shares
  };
  void SetUp() override { admission_.use_slots("m", 3); }
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  void act() {
    now_ += std::chrono::milliseconds(below(400));
    front_end_.wait(now_ - front_end_.now());
    const std::size_t who = below(3);
    const unsigned what = below(12);
    if (what == 0) return chat(who);
    if (what <= 2) return title(who);
    if (what <= 6) return keystroke(who);
    if (what <= 10) return end_one();
    obey(admission_.tick(now_), nullptr);
  }

  void chat(std::size_t who) {
    const Classification seen = front_end_.ollama(chat_body({{"user", questions[below(3)]}}), tenants[who]);
    Ticket made = ticket(who, seen, Lane::interactive);
    made.typed = "How do I cook?";
    arrive(who, std::move(made));
  }
  void title(std::size_t who) {
    const Json body =
        task_body(std::string("### Task:\nName it. { \"title\": \"x\" }\n<chat_history>\nUSER: ") +
                  questions[below(3)] + "\n</chat_history>");
    Ticket made = ticket(who, front_end_.ollama(body, tenants[who]), Lane::background);
    made.canonical = key_of(made, body);
    arrive(who, std::move(made));
  }
  void keystroke(std::size_t who) {
    const std::string history =
        below(2) == 0 ? "\n" : std::string("\nUSER: ") + questions[below(3)] + "\nASSISTANT: Hi\n";
    const std::string text = texts[below(4)];
    const Json body =
        task_body("### Task:\nGo on. { \"text\": \"...\" }\n<type>\n<chat_history>" + history +
                  "</chat_history>\n<type>general</type>  \n<text>" + text + "</text>  \n#### Output:\n");
    Ticket made = ticket(who, front_end_.ollama(body, tenants[who]), Lane::keystroke);
    ASSERT_EQ(made.request_class, RequestClass::autocomplete);
    made.typed = text;
    made.canonical = key_of(made, body);
    arrive(who, std::move(made));
  }
  CanonicalKey key_of(const Ticket& made, const Json& body) const {
    return canonical_.key_of(made.tenant, made.request_class, Dialect::ollama_chat, "m",
                             OrderedJson::parse(body.dump()));
  }
  Ticket ticket(std::size_t, const Classification& seen, Lane lane) {
    Ticket made;
    made.id = front_end_.last_id();
    made.request_class = seen.request_class;
    made.lane = Standing(lane, seen.power());
    made.upstream = "m";
    made.tenant = seen.tenant;
    made.typist = seen.typist;
    made.typist_by = seen.typist_by;
    made.editor = seen.editor;
    made.newcomer = seen.newcomer;
    made.chat = seen.chat;
    made.settings.hold = below(3) == 0;
    made.settings.quiet = {};
    made.settings.settle = {};
    made.settings.while_chat = below(2) == 0 ? WhileChat::hold : WhileChat::answer;
    return made;
  }
  void arrive(std::size_t who, Ticket made) {
    const RequestId id = made.id;
    known_[id] = {who, made};
    const Known arrived = known_[id];
    if (made.lane == Lane::interactive) front_end_.classifier().ended(id, now_);
    obey(admission_.arrive(std::move(made), now_), &arrived);
  }
  void end_one() {
    std::vector<RequestId> running;
    for (const auto& [id, one] : known_)
      if (one.running) running.push_back(id);
    if (running.empty()) return;
    const RequestId id = running.at(below(static_cast<unsigned>(running.size())));
    const Known ended = known_.at(id);
    if (ended.ticket.lane == Lane::keystroke)
      admission_.suggested(ended.ticket.editor, ended.ticket.typed,
                           " cook for tenant " + std::to_string(ended.tenant), now_);
    std::erase_if(known_, [&](const auto& one) { return one.first == id || one.second.leader == id; });
    obey(admission_.finished(id, now_), nullptr);
  }
  // `cause`: what has just come. What it ends early, other than for a chat's sake, must be its own tenant's.
  void obey(const Actions& actions, const Known* cause) {
    for (const Action& action : actions) {
      const RequestId id = std::visit([](const auto& each) { return each.id; }, action);
      if (id >= own_ids) {  // a re-warm, which nobody asked for here
        own_ = id;
        continue;
      }
      if (!known_.contains(id)) continue;
      Known& one = known_.at(id);
      if (std::holds_alternative<Start>(action)) one.running = true;
      if (std::holds_alternative<Cancel>(action)) one.running = false;
      if (std::holds_alternative<Start>(action)) one.leader = 0;
      if (const auto* share = std::get_if<Share>(&action)) {
        one.leader = share->leader;
        EXPECT_EQ(one.tenant, known_.at(share->leader).tenant);
      }
      const auto* answer = std::get_if<AnswerNow>(&action);
      if (answer == nullptr || !known_.contains(answer->id)) continue;
      const Known told = known_.at(answer->id);
      if (answer->kind == AnswerKind::type_ahead) {
        ++suggestions_;
        EXPECT_TRUE(answer->text.ends_with(" " + std::to_string(told.tenant))) << answer->text;
      }
      const bool superseded = cause != nullptr && cause->ticket.lane == Lane::keystroke &&
                              answer->id != cause->ticket.id && answer->kind == AnswerKind::empty;
      if (superseded) {
        ++superseded_;
        EXPECT_EQ(told.tenant, cause->tenant);
      }
      known_.erase(answer->id);
    }
  }

  std::mt19937 random_{GetParam()};
  FrontEnd front_end_;
  Canonical canonical_{3, 4};
  Admission admission_;
  std::map<RequestId, Known> known_;
  Time now_{std::chrono::seconds(1000)};
  RequestId own_ = 0;
  int suggestions_ = 0;
  int superseded_ = 0;
};

TEST_P(Tenants, NeverMeet) {
  for (int i = 0; i < 3000 && !HasFailure(); ++i) act();
  EXPECT_GT(suggestions_, 0) << "nothing was suggested from memory at all";
  EXPECT_GT(superseded_, 0);
}

INSTANTIATE_TEST_SUITE_P(Schedules, Tenants, testing::Range(1U, 9U));

}  // namespace
}  // namespace tasklane
