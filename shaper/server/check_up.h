// When an upstream is asked whether it is there, by what, and what its answer means: so that one that has
// gone is passed over before a task pays for it, and one that is back serves before its pause is over. Pure;
// times are given. Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "shaper/base/time.h"

namespace tasklane {

// What came of such a question.
struct CheckAnswer {
  enum class Kind {
    refused,   // nobody listens there
    silent,    // not reached, or no HTTP within the time
    answered,  // with this status
  };
  Kind kind = Kind::silent;
  int status = 0;
};

class CheckUp {
 public:
  static constexpr Duration between = std::chrono::seconds(15);
  // Behind a bad answer; doubles up to `between`.
  static constexpr Duration soon = std::chrono::seconds(1);
  // A server may be slow for once: so many silences in a row are needed.
  static constexpr unsigned silences = 2;
  // And so many while requests are on their way there: some servers answer little else meanwhile, but one
  // that hangs would never be found out.
  static constexpr unsigned silences_while_busy = 8;
  // But these of one that was seen to answer meanwhile so many times in a row, and no more than luck.
  static constexpr unsigned silences_of_an_answering_one = 3;
  static constexpr unsigned answers_that_show_it = 3;
  static constexpr Duration between_while_busy = std::chrono::seconds(3);

  // `ill`: it answers, and says that it cannot serve.
  enum class Word { nothing, there, ill, away };

  // `paths`: at least one, the likeliest first. What a server does not have it says with 404; then the next
  // is asked, and the one that it has from there on.
  explicit CheckUp(std::vector<std::string> paths) : paths_(std::move(paths)) {}

  // At once at first. Never while one is on its way. `busy`: requests are on their way there, which wait for
  // it where it hangs.
  [[nodiscard]] bool is_due(Time now, bool busy = false) const {
    return !asking_ && (now >= next_ || (busy && now >= next_while_busy_));
  }
  [[nodiscard]] const std::string& path() const { return paths_[path_]; }

  void asked() { asking_ = true; }
  // One that was ended before its answer came says nothing.
  void stopped(Time now);
  // `busy`: requests are on their way there.
  Word answered(const CheckAnswer& answer, bool busy, Time now);
  // Until when it is away at least: for longer than the next answer takes.
  [[nodiscard]] Time away_until() const;

 private:
  Word bad(Word word, Time now);
  [[nodiscard]] unsigned silences_needed(bool busy) const;

  std::vector<std::string> paths_;
  std::size_t path_ = 0;
  bool asking_ = false;
  unsigned answered_while_busy_ = 0;  // in a row
  unsigned silent_ = 0;               // in a row
  Duration again_ = soon;
  Time next_{};
  Time next_while_busy_ = Time::max();
};

}  // namespace tasklane
