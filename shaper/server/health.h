// Whether an upstream is worth asking: a circuit breaker for each. What failed several times in a row is
// passed over for a while; then one request tries it, and its answer decides. One that does not answer a
// question whether it is there (check_up.h) is passed over until it does. Pure; times are given. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "shaper/base/time.h"

namespace tasklane {

class Health {
 public:
  static constexpr unsigned failures_to_open = 3;
  static constexpr Duration first_pause = std::chrono::seconds(2);
  static constexpr Duration longest_pause = std::chrono::seconds(60);
  // As long as a server may ask for (RFC 9110 section 10.2.3); what it says beyond is not believed.
  static constexpr Duration longest_asked_for = std::chrono::hours(1);

  enum class State : std::uint8_t { closed, open, half_open };  // as breakers are called: closed serves

  // One request on its way there, from before it is dialled. Behind a pause the first is the trial, and no
  // other goes before it has ended. One that goes away without a word was stopped, or its answer says nothing
  // of the upstream: then another may try.
  class Attempt {
   public:
    Attempt(std::shared_ptr<Health> with, Time now);
    Attempt(Attempt&&) = default;
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    Attempt& operator=(Attempt&&) = delete;
    ~Attempt();

    // What came of it; only the first word counts. `pause`: the server itself asks for it (Retry-After); then
    // once is enough.
    void worked();
    void failed(Time now, std::optional<Duration> pause = std::nullopt);
    // It could not even be asked.
    void unreached(Time now);
    // Since this one began the upstream was found to be away: what has not come by now will not come.
    [[nodiscard]] bool is_left_alone() const;

   private:
    void count(Time now, std::optional<Duration> pause, bool away);
    std::shared_ptr<Health> take();

    std::shared_ptr<Health> of_;  // null: it has had its word
    std::uint64_t epoch_;
    bool trial_;
  };

  // A question whether the server is there, from before it is dialled. It is no request: it takes no trial,
  // and a good answer says nothing of an upstream that is there and fails all the same.
  class Question {
   public:
    explicit Question(std::shared_ptr<Health> of) : of_(std::move(of)), epoch_(of_->epoch_) {}
    // Closes what is open for nothing but that it was away.
    void there() const;
    // Open at once, and at least until then.
    void away(Time until) const;
    // Likewise, but a task may show that it serves all the same: then such words count no more.
    void ill(Time until) const;

   private:
    std::shared_ptr<Health> of_;
    std::uint64_t epoch_;
  };

  // `openings`: of one that this comes in place of.
  explicit Health(std::uint64_t openings = 0) : openings_(openings) {}

  [[nodiscard]] State state(Time now) const;
  // Whether a request may go there now; of those behind a pause one alone.
  [[nodiscard]] bool may_try(Time now) const;

  [[nodiscard]] unsigned failures() const { return failures_; }  // in a row
  [[nodiscard]] std::uint64_t openings() const { return openings_; }
  // Requests on their way there.
  [[nodiscard]] unsigned under_way() const { return under_way_; }

 private:
  // Why it is open: what brings it back.
  enum class Cause : std::uint8_t { away, answers, asked_for };

  void close();
  void open(Time until, Cause cause);

  unsigned failures_ = 0;
  unsigned under_way_ = 0;
  Cause cause_ = Cause::answers;
  bool outvoted_ = false;  // it serves, whatever it answers to questions
  std::uint64_t openings_;
  std::uint64_t epoch_ = 0;  // of each opening and closing: what began before one says nothing behind it
  Duration pause_ = first_pause;
  std::optional<Time> open_until_;
  bool on_trial_ = false;
};

// Whether an answer with this status is the upstream's own failure. Other errors are the request's; so are
// refusals, where a client's own name and key went along (`own_account` false).
constexpr bool speaks_against_upstream(int status, bool own_account) {
  constexpr int unauthorized = 401;
  constexpr int forbidden = 403;
  constexpr int too_many = 429;
  constexpr int server_error = 500;
  const bool refusal = status == unauthorized || status == forbidden || status == too_many;
  return status >= server_error || (own_account && refusal);
}

constexpr std::string_view to_text(Health::State state) {
  return state == Health::State::closed ? "up" : state == Health::State::open ? "down" : "on trial";
}

}  // namespace tasklane
