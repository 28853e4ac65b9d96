// Whatever the schedule, what one tenant's client is told was asked for that tenant: no answer, from a model
// or from memory, and no error is drawn from another's request.
#include <random>
#include <set>

#include "tests/unit/living.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

class LivesOfTenants : public Living, public testing::WithParamInterface<unsigned> {
 protected:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
  static std::string tag(unsigned tenant) { return "for tenant " + std::to_string(tenant); }

  void act() {
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        return title();
      case 3:
        return chat();
      case 4:
        return leave_one();
      case 5:
        return pass(std::chrono::milliseconds(below(3000)));
      default:
        return go_on();
    }
  }
  // Three tenants ask for two titles, word for word the same.
  void title() {
    const unsigned tenant = 1 + below(3);
    const RequestId id = ++last_;
    tenants_[id] = tenant;
    tenant_ = Tenant(tenant);
    arrive(id, title_body(below(2) == 0 ? "rice" : "swifts"), {&model_, &helper_});
  }
  void chat() {
    if (chat_ == 0)
      chat_comes(chat_ = ++last_);
    else
      chat_ends(std::exchange(chat_, 0));
  }
  std::vector<RequestId> those(bool on_their_way) {
    std::vector<RequestId> ids;
    for (const auto& [id, tenant] : tenants_)
      if (!task(id).done && (!on_their_way || !task(id).on_its_way.empty())) ids.push_back(id);
    return ids;
  }
  void leave_one() {
    const std::vector<RequestId> ids = those(false);
    if (ids.empty() || below(4) != 0) return;
    const RequestId id = ids.at(below(static_cast<unsigned>(ids.size())));
    left_.insert(id);
    leave(id);
  }
  void go_on() {
    const std::vector<RequestId> ids = those(true);
    if (ids.empty()) return;
    const RequestId id = ids.at(below(static_cast<unsigned>(ids.size())));
    const std::string said = tag(tenants_.at(id));
    if (task(id).on_its_way == "dial") return reach(id);
    if (below(3) == 0) return answer(id, R"({"error":")" + said + "\"}", 404);
    answer(id, titled(said));
  }
  void expect_own() {
    for (const auto& [id, tenant] : tenants_) {
      if (!task(id).done || !task(id).answer) continue;
      ++told_;
      EXPECT_NE(task(id).answer->body.find(tag(tenant)), std::string::npos) << task(id).answer->body;
    }
  }

  std::mt19937 random_{GetParam()};
  RequestId last_ = 0;
  RequestId chat_ = 0;
  std::map<RequestId, unsigned> tenants_;
  std::set<RequestId> left_;
  unsigned told_ = 0;
};

TEST_P(LivesOfTenants, NeverMeet) {
  rule_.then.settings.cache = 5s;
  rule_.then.settings.quiet = 100ms;
  for (int i = 0; i < 400 && !HasFailure(); ++i) act();
  expect_own();
  EXPECT_GT(told_, 20u);
  const auto counters = desk_->admission().counters().at(Lane::background);
  EXPECT_GT(counters.coalesced + counters.cached, 0u) << "nothing was shared at all";
}

INSTANTIATE_TEST_SUITE_P(Schedules, LivesOfTenants, testing::Range(1U, 13U));

}  // namespace
}  // namespace tasklane
