#include "shaper/server/check_up.h"

#include <algorithm>
#include <utility>

namespace tasklane {
namespace {

constexpr int not_found = 404;
constexpr int no_such_method = 405;
constexpr int server_error = 500;
constexpr int bad_gateway = 502;
constexpr int unavailable = 503;
constexpr int gateway_timeout = 504;

// A server that is still loading its model says 503 (llama-server: to whatever is asked), a gateway whose
// server has gone 502 or 504.
bool has_gone(int status) {
  return status == bad_gateway || status == unavailable || status == gateway_timeout;
}

// Some fall over a path that they do not know, rather than say so.
bool has_no_such_path(int status) {
  return status == not_found || status == no_such_method || (status >= server_error && !has_gone(status));
}

}  // namespace

void CheckUp::stopped(Time now) {
  asking_ = false;
  next_ = now + soon;
}

// What has gone may come back as another server.
CheckUp::Word CheckUp::bad(Word word, Time now) {
  path_ = 0;
  answered_while_busy_ = 0;
  next_while_busy_ = Time::max();
  next_ = now + again_;
  again_ = std::min(2 * again_, between);
  return word;
}

unsigned CheckUp::silences_needed(bool busy) const {
  if (!busy) return silences;
  return answered_while_busy_ < answers_that_show_it ? silences_while_busy : silences_of_an_answering_one;
}

// A server that wants a key, or refuses the question otherwise, is there.
CheckUp::Word CheckUp::answered(const CheckAnswer& answer, bool busy, Time now) {
  asking_ = false;
  if (answer.kind == CheckAnswer::Kind::silent) {
    next_ = now + soon;
    if (++silent_ < silences_needed(busy)) return Word::nothing;
    return bad(Word::away, now);
  }
  // One that was silent and is there all the same may be so again.
  if (std::exchange(silent_, 0) > 0) answered_while_busy_ = 0;
  if (answer.kind == CheckAnswer::Kind::refused) return bad(Word::away, now);
  if (has_gone(answer.status)) return bad(Word::ill, now);
  if (has_no_such_path(answer.status) && path_ + 1 < paths_.size()) {
    ++path_;
    next_ = now;
    return Word::nothing;
  }
  if (busy) ++answered_while_busy_;
  again_ = soon;
  next_ = now + between;
  next_while_busy_ = now + between_while_busy;
  return Word::there;
}

Time CheckUp::away_until() const {
  constexpr Duration for_the_answer = std::chrono::seconds(5);
  return next_ + for_the_answer;
}

}  // namespace tasklane
