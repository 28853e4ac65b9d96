// Random schedules of chats, tasks and departures in virtual time: whatever happens, each request is answered
// once, chats are never held, and nothing stays behind.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "shaper/admit/admission.h"

namespace tasklane {
namespace {

using std::chrono_literals::operator""ms;

constexpr int schedules = 1500;
constexpr int requests_each = 120;

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed), slots_(static_cast<unsigned>(1 + draw(3))) {
    admission_.use_slots("m", slots_, static_cast<unsigned>(draw(2)));
  }

  void play() {
    Time at{};
    for (RequestId id = 1; id <= requests_each; ++id) {
      at += draw(400) * 1ms;
      agenda_.emplace(at, Event{Kind::arrive, id});
      if (draw(5) == 0) agenda_.emplace(at + draw(3000) * 1ms, Event{Kind::leave, id});
    }
    while (step()) continue;
  }

  void expect_that_all_came_to_an_end() {
    for (const auto& [id, one] : requests_)
      EXPECT_TRUE(one.gone || one.answers == 1)
          << "request " << id << " was answered " << one.answers << " times";
    EXPECT_EQ(admission_.held(), 0u);
    EXPECT_FALSE(admission_.next_wakeup(now_ + std::chrono::hours(1)).has_value());
  }

 private:
  enum class Kind { arrive, leave, finish };
  struct Event {
    Kind kind;
    RequestId id;
    unsigned run = 0;  // a finish of an earlier run no longer counts
  };
  struct Known {
    Ticket ticket;
    Time arrived;
    bool running = false;
    bool gone = false;
    int answers = 0;
    unsigned runs = 0;
    RequestId leader = 0;
  };

  int draw(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }

  bool step() {
    const std::optional<Time> wake = admission_.next_wakeup(now_);
    if (agenda_.empty() && !wake) return false;
    if (wake && (agenda_.empty() || *wake < agenda_.begin()->first)) {
      now_ = std::max(now_, *wake);
      obey(admission_.tick(now_));
    } else {
      const auto [at, event] = *agenda_.begin();
      agenda_.erase(agenda_.begin());
      now_ = std::max(now_, at);
      happen(event);
    }
    expect_no_overdue_beside_a_free_slot();
    EXPECT_LE(admission_.held(), unanswered() + own_.size());
    return !testing::Test::HasFailure() && ++steps_ < 100000;
  }

  void happen(const Event& event) {
    if (event.kind == Kind::arrive) return arrive(event.id);
    const auto found = requests_.find(event.id);
    if (event.kind == Kind::leave) {
      if (found == requests_.end() || found->second.answers > 0) return;
      found->second.gone = true;
      // A task runs on where others share its answer, else it is cancelled; a chat ends with its client.
      if (found->second.ticket.lane == Lane::interactive) found->second.running = false;
      return obey(admission_.client_gone(event.id, now_));
    }
    if (event.id >= own_ids) return finish_own(event.id);
    if (!found->second.running || found->second.runs != event.run) return;
    finish(event.id);
  }

  void arrive(RequestId id) {
    Known& one = requests_[id];
    one.arrived = now_;
    one.ticket = ticket(id);
    const bool held_never = one.ticket.lane == Lane::interactive;
    if (held_never) chats_at_.insert(one.ticket.upstream);
    obey(admission_.arrive(one.ticket, now_));
    EXPECT_TRUE(one.running || !held_never) << "a chat was held";
    if (draw(4) == 0) admission_.can_rewarm("m", Conversation({7}), now_ + 5000ms);
    if (draw(4) == 0) admission_.suggested(one.ticket.editor, "a", "aa", now_);
  }

  Ticket ticket(RequestId id) {
    Ticket made;
    made.id = id;
    made.upstream = draw(6) == 0 ? "other" : "m";
    if (made.upstream == "other" && draw(2) == 0) made.compute = "m";
    made.lane = Standing(all_lanes[static_cast<std::size_t>(draw(static_cast<int>(all_lanes.size())))],
                         power_of(Certainty::named, RequestClass::title));
    made.request_class = made.lane == Lane::interactive ? RequestClass::chat
                         : made.lane == Lane::keystroke ? RequestClass::autocomplete
                         : draw(2) == 0                 ? RequestClass::title
                                                        : RequestClass::tags;
    made.typist = Typist(static_cast<std::uint64_t>(draw(3)));
    made.editor = Editor(made.typist.value());
    made.chat = Conversation({static_cast<std::uint64_t>(draw(8))});
    if (draw(2) == 0) made.canonical = CanonicalKey{static_cast<std::uint64_t>(draw(5)), 1};
    made.typed = std::string(static_cast<std::size_t>(1 + draw(4)), 'a');
    LaneSettings& settings = made.settings;
    settings.settle = draw(500) * 1ms;
    settings.quiet = draw(800) * 1ms;
    settings.max_wait = (500 + draw(4000)) * 1ms;
    settings.hold = draw(4) != 0;
    settings.preempt = draw(4) == 0 ? std::nullopt : std::optional<unsigned>(static_cast<unsigned>(draw(4)));
    settings.while_chat = draw(2) == 0 ? WhileChat::answer : WhileChat::hold;
    settings.supersede = draw(3) != 0;
    settings.coalesce = draw(3) != 0;
    settings.answer = draw(15) == 0;
    if (draw(4) == 0) settings.share = 0.2;
    if (draw(3) == 0) settings.deadline = (100 + draw(3000)) * 1ms;
    if (draw(4) == 0) settings.concurrency = 1;
    if (draw(4) == 0) {
      settings.rate = RateLimit{RatePer::client, Rate{2}, 2, static_cast<OverRate>(draw(3))};
      made.bucket = static_cast<std::uint64_t>(1 + draw(2));
    }
    return made;
  }

  void obey(const Actions& actions) {
    for (const Action& action : actions) std::visit([this](const auto& each) { on(each); }, action);
  }
  void on(const Start& start) {
    Known& one = requests_.at(start.id);
    EXPECT_FALSE(one.running) << "started twice: " << start.id;
    EXPECT_EQ(one.answers, 0) << "started though answered: " << start.id;
    EXPECT_FALSE(one.gone && followers_of(start.id) == 0) << "started for nobody: " << start.id;
    expect_its_turn(one);
    one.running = true;
    agenda_.emplace(now_ + (50 + draw(1500)) * 1ms, Event{Kind::finish, start.id, ++one.runs});
  }
  void on(const Cancel& cancel) {
    if (cancel.id >= own_ids) {
      EXPECT_EQ(own_.erase(cancel.id), 1u);
      return;
    }
    requests_.at(cancel.id).running = false;
  }
  void on(const AnswerNow& answer) {
    Known& one = requests_.at(answer.id);
    one.running = false;
    if (one.gone) return;
    EXPECT_EQ(++one.answers, 1) << "answered twice: " << answer.id;
  }
  void on(const Share& share) { requests_.at(share.id).leader = share.leader; }
  void on(const Rewarm& rewarm) {
    own_.insert(rewarm.id);
    agenda_.emplace(now_ + (20 + draw(800)) * 1ms, Event{Kind::finish, rewarm.id});
  }

  void finish_own(RequestId id) {
    if (own_.erase(id) > 0) obey(admission_.finished(id, now_));
  }
  void finish(RequestId id) {
    Known& one = requests_.at(id);
    one.running = false;
    if (!one.gone) ++one.answers;
    EXPECT_LE(one.answers, 1) << "answered twice: " << id;
    for (auto& [other, follower] : requests_)
      if (follower.leader == id && !follower.gone && follower.answers == 0) ++follower.answers;
    obey(admission_.finished(id, now_));
  }
  int followers_of(RequestId id) const {
    int count = 0;
    for (const auto& [other, one] : requests_)
      count += one.leader == id && !one.gone && one.answers == 0 ? 1 : 0;
    return count;
  }

  static bool in_slots(const Known& one) {
    return one.running && (one.ticket.lane == Lane::background || one.ticket.lane == Lane::keystroke);
  }
  template <class Which>
  unsigned count(Which which) const {
    return static_cast<unsigned>(std::count_if(requests_.begin(), requests_.end(),
                                               [&](const auto& entry) { return which(entry.second); }));
  }
  std::size_t unanswered() const {
    return count([](const Known& one) { return one.answers == 0; });
  }
  bool waits(const Known& one) const { return !one.running && one.answers == 0 && !one.gone && !shares(one); }
  bool shares(const Known& one) const {
    if (one.leader == 0) return false;
    return requests_.at(one.leader).answers == 0 || requests_.at(one.leader).running;
  }
  bool at_its_class_limit(const Known& one) const {
    return one.ticket.settings.concurrency && count([&](const Known& other) {
                                                return other.running &&
                                                       other.ticket.lane != Lane::interactive &&
                                                       other.ticket.upstream == one.ticket.upstream &&
                                                       other.ticket.request_class == one.ticket.request_class;
                                              }) >= *one.ticket.settings.concurrency;
  }
  static Time latest(const Known& one) {
    return one.arrived + std::max(one.ticket.settings.max_wait, one.ticket.settings.settle);
  }
  static bool rate_holds(const Known& one) {
    return one.ticket.settings.rate && one.ticket.settings.rate->over == OverRate::hold;
  }

  // In a slot that nothing else has, or past its longest wait, and then alone; never ahead of one that waits
  // past its longest.
  void expect_its_turn(const Known& one) {
    if (one.ticket.lane == Lane::interactive) return;
    EXPECT_FALSE(at_its_class_limit(one));
    if (one.ticket.lane == Lane::blocking) return;
    const std::string& where = one.ticket.upstream;
    const unsigned tasks =
        count([&](const Known& other) { return in_slots(other) && other.ticket.upstream == where; });
    const unsigned all =
        count([&](const Known& other) { return other.running && other.ticket.upstream == where; });
    const unsigned slots = where == "m" ? slots_ : 1;
    EXPECT_TRUE(all < slots || (now_ >= latest(one) && tasks == 0)) << "no slot is free";
    const bool chats_wait = chats_at_.contains(where) || !one.ticket.compute.empty();
    EXPECT_TRUE(!one.ticket.settings.hold || !chats_wait || tasks == 0) << "a chat would wait for both";
    if (one.ticket.lane != Lane::keystroke) return;
    for (const auto& [id, other] : requests_)
      EXPECT_FALSE(other.ticket.lane == Lane::background && other.ticket.upstream == where && waits(other) &&
                   now_ > latest(other) && !rate_holds(other) && !at_its_class_limit(other))
          << "a suggestion goes ahead of request " << id << ", which waits too long";
  }

  // Past its longest wait nothing but other work on its upstream keeps a request from its turn; where it
  // would take the last chat's slot, the re-warm before it.
  void expect_no_overdue_beside_a_free_slot() {
    if (const auto wake = admission_.next_wakeup(now_); wake && *wake <= now_) return;  // it goes just now
    for (const auto& [id, one] : requests_) {
      if (!waits(one) || rate_holds(one) || one.ticket.lane != Lane::background) continue;
      const bool busy = at_its_class_limit(one) ||
                        count([&, &upstream = one.ticket.upstream](const Known& other) {
                          return in_slots(other) && other.ticket.upstream == upstream;
                        }) > 0 ||
                        (slots_ > 1 && !own_.empty());
      EXPECT_TRUE(now_ <= latest(one) || busy)
          << "request " << id << " waits beside a free slot, "
          << std::chrono::duration_cast<std::chrono::milliseconds>(now_ - latest(one)).count()
          << " ms too long";
    }
  }

  std::mt19937 random_;
  unsigned slots_;
  Admission admission_;
  Time now_{};
  int steps_ = 0;
  std::multimap<Time, Event> agenda_;
  std::map<RequestId, Known> requests_;
  std::set<RequestId> own_;
  std::set<std::string> chats_at_;
};

TEST(AnySchedule, AnswersEachRequestOnceHoldsNoChatAndLeavesNothingBehind) {
  for (std::uint32_t seed = 1; seed <= schedules && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Schedule schedule(seed);
    schedule.play();
    schedule.expect_that_all_came_to_an_end();
  }
}

}  // namespace
}  // namespace tasklane
