// The log: where it goes, in which form, how much of it.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/base/time.h"

namespace tasklane {

// text: with time and level. json: an object a line. journal: as systemd-journald reads levels
// (sd-daemon(3)), which has the time itself.
enum class LogFormat { text, json, journal };

// By name. Empty: journal where standard error is the journal's ($JOURNAL_STREAM, systemd.exec(5)), else
// text.
Result<LogFormat> log_format_of(std::string_view name);
// "debug", "info", "warning" or "error".
Result<void> set_log_level(std::string_view name);

// From here on everything is logged to standard error. What is said again and again is said ten times within
// ten seconds, and then how often it was not; what somebody asked for (debug) is always said.
// A line that could not be written at once, for nobody reads, is lost and counted: nothing waits for the log.
void start_log(LogFormat format);

// Whether another line of a kind may be written, and how many were left out before it. A kind is what is left
// of a line without its figures. Time is an argument.
class LineLimit {
 public:
  struct Verdict {
    bool written = true;
    unsigned left_out = 0;  // since the last one that was written
  };
  Verdict judge(std::string_view line, Time at);

 private:
  struct Kind {
    Time began{};
    unsigned lines = 0;
    unsigned left_out = 0;
  };
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace tasklane
