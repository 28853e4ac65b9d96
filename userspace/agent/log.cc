#include "userspace/agent/log.h"

#include <poll.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "shaper/base/shown.h"
#include "userspace/wire/io.h"

namespace tasklane {
namespace {

constexpr unsigned lines_of_a_kind = 10;
constexpr Duration within = std::chrono::seconds(10);
constexpr std::size_t most_kinds = 256;
constexpr std::size_t longest_kind = 60;
constexpr std::size_t longest_line = 3000;  // bytes: with all that is put around it less than PIPE_BUF

// sd-daemon(3): the levels of syslog.
int syslog_level(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return 2;
    case spdlog::level::err:
      return 3;
    case spdlog::level::warn:
      return 4;
    case spdlog::level::info:
      return 6;
    default:
      return 7;
  }
}

std::string for_the_journal(const spdlog::details::log_msg& message) {
  const std::string prefix = "<" + std::to_string(syslog_level(message.level)) + ">";
  std::string text = prefix;
  for (const char c : std::string_view(message.payload.data(), message.payload.size())) {
    text += c;
    if (c == '\n') text += prefix;
  }
  return text + '\n';
}

std::string as_json(const spdlog::details::log_msg& message) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(message.time);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 64> time{};
  const std::size_t length = std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(time.data() + length, time.size() - length, ".%03dZ", static_cast<int>(milliseconds));
  const auto level = spdlog::level::to_string_view(message.level);
  const nlohmann::json line{{"time", time.data()},
                            {"level", std::string(level.data(), level.size())},
                            {"message", std::string(message.payload.data(), message.payload.size())}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

class OurForm : public spdlog::formatter {
 public:
  explicit OurForm(LogFormat format) : format_(format) {}
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& into) override {
    const std::string line = format_ == LogFormat::json ? as_json(message) : for_the_journal(message);
    into.append(line.data(), line.data() + line.size());
  }
  [[nodiscard]] std::unique_ptr<formatter> clone() const override {
    return std::make_unique<OurForm>(format_);
  }

 private:
  LogFormat format_;
};

// Whether a line can be written without waiting for who reads: the agent must not stand still because a
// pipe's reader does, or a terminal is held (pipe(7): what fits into PIPE_BUF then fits whole).
bool somebody_reads() {
  pollfd standard_error{STDERR_FILENO, POLLOUT, 0};
  return ::poll(&standard_error, 1, 0) != 0;
}

// Passes on what the limit lets through, as long as somebody reads it.
class LimitedSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit LimitedSink(spdlog::sink_ptr behind) : behind_(std::move(behind)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& written) override {
    const std::string line = shown_lines({written.payload.data(), written.payload.size()});
    spdlog::details::log_msg message = written;
    message.payload = line;
    if (unread_ > 0 && somebody_reads())
      say(std::to_string(std::exchange(unread_, 0)) + " lines were lost, for nobody read them", message);
    if (message.level < spdlog::level::info) return pass(message);
    const LineLimit::Verdict verdict = limit_.judge(line, now());
    if (verdict.left_out > 0)
      say(std::to_string(verdict.left_out) + " lines like the next one were left out", message);
    if (verdict.written) pass(message);
  }
  void flush_() override { behind_->flush(); }
  void set_formatter_(std::unique_ptr<spdlog::formatter> form) override {
    behind_->set_formatter(std::move(form));
  }

 private:
  // In the place of `before`, which comes next.
  void say(const std::string& text, const spdlog::details::log_msg& before) {
    spdlog::details::log_msg note = before;
    note.payload = text;
    pass(note);
  }
  void pass(spdlog::details::log_msg message) {
    if (!somebody_reads()) {
      ++unread_;
      return;
    }
    if (message.payload.size() > longest_line) message.payload = {message.payload.data(), longest_line};
    behind_->log(message);
  }

  spdlog::sink_ptr behind_;
  LineLimit limit_;
  std::uint64_t unread_ = 0;  // lines
};

// systemd.exec(5): "device:inode" of the stream that it has connected to the journal.
bool is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT: before any other thread
  struct stat found {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &found) != 0) return false;
  return stream == std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
}

std::string kind_of(std::string_view line) {
  std::string kind;
  for (const char c : line.substr(0, longest_kind))
    if (c < '0' || c > '9') kind += c;
  return kind;
}

}  // namespace

Result<LogFormat> log_format_of(std::string_view name) {
  if (name.empty()) return is_the_journal() ? LogFormat::journal : LogFormat::text;
  if (name == "text") return LogFormat::text;
  if (name == "json") return LogFormat::json;
  if (name == "journal") return LogFormat::journal;
  return Error{"'" + std::string(name) + "' is no form of a log", "--log-format", "text, json or journal"};
}

Result<void> set_log_level(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 4> levels{
      {{"debug", spdlog::level::debug},
       {"info", spdlog::level::info},
       {"warning", spdlog::level::warn},
       {"error", spdlog::level::err}}};
  const auto* level =
      std::find_if(levels.begin(), levels.end(), [name](const auto& each) { return each.first == name; });
  if (level == levels.end())
    return Error{"'" + std::string(name) + "' is no level of a log", "", "debug, info, warning or error"};
  spdlog::set_level(level->second);
  return {};
}

void start_log(LogFormat format) {
  const auto screen = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
  auto logger = std::make_shared<spdlog::logger>("tasklaned", std::make_shared<LimitedSink>(screen));
  if (format != LogFormat::text) logger->set_formatter(std::make_unique<OurForm>(format));
  spdlog::set_default_logger(std::move(logger));
}

LineLimit::Verdict LineLimit::judge(std::string_view line, Time at) {
  std::string name = kind_of(line);
  if (kinds_.size() >= most_kinds && !kinds_.contains(name)) kinds_.clear();
  Kind& kind = kinds_[std::move(name)];
  if (kind.lines == 0 || at - kind.began >= within) {
    const unsigned left_out = kind.left_out;
    kind = {at, 1, 0};
    return {true, left_out};
  }
  if (kind.lines++ < lines_of_a_kind) return {};
  ++kind.left_out;
  return {false, 0};
}

}  // namespace tasklane
