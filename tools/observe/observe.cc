#include "tools/observe/observe.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <utility>

#include "shaper/base/shown.h"
#include "shaper/observe/redactor.h"
#include "tools/observe/advise.h"
#include "tools/observe/pcapng_writer.h"
#include "tools/observe/picture.h"
#include "tools/observe/secret.h"
#include "tools/observe/trace.h"

namespace tasklane {
namespace {

using namespace observe;

volatile sig_atomic_t told_to_end = 0;  // NOLINT: a signal has no other way to say it
void tell_to_end(int) { told_to_end = 1; }

// What becomes of each packet beside being observed.
class Kept {
 public:
  virtual ~Kept() = default;
  virtual void take(LinkLayer link, const CapturedPacket& packet) = 0;
  virtual Result<void> end() = 0;
};

class AsItIs : public Kept {
 public:
  explicit AsItIs(PcapngWriter writer) : writer_(std::move(writer)) {}
  void take(LinkLayer, const CapturedPacket& packet) override {
    writer_.write(packet.frame, packet.wire_length, packet.at);
  }
  Result<void> end() override { return writer_.close(); }

 private:
  PcapngWriter writer_;
};

class Redacted : public Kept {
 public:
  Redacted(PcapngWriter writer, const ObserverOptions& options)
      : writer_(std::move(writer)),
        redactor_(options.packs, options.secret_low, options.secret_high,
                  [this](std::string_view frame, std::size_t length, Time at) {
                    writer_.write(frame, length, at);
                  }) {}
  void take(LinkLayer link, const CapturedPacket& packet) override {
    redactor_.feed(link, packet.frame, packet.wire_length, packet.at);
  }
  Result<void> end() override {
    redactor_.finish();
    return writer_.close();
  }

 private:
  PcapngWriter writer_;
  Redactor redactor_;
};

// Null: no packet is kept.
Result<std::unique_ptr<Kept>> keep(const ObserveOptions& options, int link_number,
                                   const ObserverOptions& observer) {
  if (options.write.empty()) return std::unique_ptr<Kept>();
  auto writer = PcapngWriter::create(options.write, link_number, options.redact ? redacted_comment : "");
  if (!writer) return writer.error();
  if (options.redact) return std::unique_ptr<Kept>(std::make_unique<Redacted>(std::move(*writer), observer));
  return std::unique_ptr<Kept>(std::make_unique<AsItIs>(std::move(*writer)));
}

class Run {
 public:
  Run(const ObserveOptions& options, Capture capture, std::unique_ptr<Kept> kept,
      std::optional<std::ofstream> exported, ObserverOptions observer)
      : options_(options),
        capture_(std::move(capture)),
        kept_(std::move(kept)),
        export_(std::move(exported)),
        observation_(std::move(observer), options.ports) {
    source_.live = options.file.empty();
    source_.name = source_.live ? options.live.device : options.file;
  }

  Result<void> file() {
    if (const auto read = capture_.read_all([this](const CapturedPacket& packet) { take(packet); }); !read)
      source_.cut_short = read.error().what;
    observation_.finish();
    return kept_ ? kept_->end() : Result<void>();
  }

  Result<void> live(std::ostream& out) {
    struct sigaction action {};
    action.sa_handler = tell_to_end;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    const bool shown = !options_.json && ::isatty(STDOUT_FILENO) == 1;
    using Clock = std::chrono::steady_clock;
    const auto begun = Clock::now();
    auto drawn = begun;
    while (told_to_end == 0) {
      if (const auto read = capture_.read_some([this](const CapturedPacket& packet) { take(packet); });
          !read) {
        if (told_to_end == 0) return read;
        break;
      }
      const auto now = Clock::now();
      observation_.tick(Time(std::chrono::system_clock::now().time_since_epoch() - std::chrono::seconds(1)));
      if (options_.seconds > 0 && now - begun >= std::chrono::duration<double>(options_.seconds)) break;
      if (!shown || now - drawn < std::chrono::seconds(1)) continue;
      drawn = now;
      source_.lost = capture_.lost();
      clear_screen(out);
      out << picture_table(observation_, source_) << std::flush;
    }
    source_.lost = capture_.lost();
    observation_.finish();
    if (shown) clear_screen(out);
    return kept_ ? kept_->end() : Result<void>();
  }

  Result<void> export_all() {
    if (!export_) return {};
    write_trace(trace_of(observation_.observer(), source_.name), *export_);
    export_->flush();
    if (!*export_) return Error{"cannot be written", options_.export_to, "is there room on the disk?"};
    return {};
  }

  Result<void> show(std::ostream& out, std::ostream& err) const {
    if (!source_.cut_short.empty())
      err << "tasklane observe: " << source_.name << ": ends before its time: " << source_.cut_short << "\n";
    std::optional<Advice> advice;
    if (options_.advise) {
      auto made = advise(trace_of(observation_.observer(), source_.name));
      if (!made) return made.error();
      advice = std::move(*made);
    }
    if (options_.json) {
      nlohmann::ordered_json json = picture_json(observation_, source_);
      if (advice) json["advice"] = advice_json(*advice);
      out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    } else if (advice) {
      err << picture_table(observation_, source_) << "\n" << advice_text(*advice) << "\n";
      out << advice->rules.dump(2) << "\n";
    } else {
      out << picture_table(observation_, source_);
    }
    return {};
  }

 private:
  void take(const CapturedPacket& packet) {
    observation_.feed(capture_.link(), packet.frame, packet.wire_length, packet.at);
    if (kept_) kept_->take(capture_.link(), packet);
  }

  const ObserveOptions& options_;
  Capture capture_;
  std::unique_ptr<Kept> kept_;
  std::optional<std::ofstream> export_;
  Observation observation_;
  Source source_;
};

Result<void> observe_all(const ObserveOptions& options, std::ostream& out, std::ostream& err) {
  auto packs = find_packs(options.packs, options.pack_directories);
  if (!packs) return packs.error();
  const bool live = options.file.empty();
  auto capture = live ? Capture::open_live(options.live) : Capture::open_file(options.file);
  if (!capture) return capture.error();
  const auto [low, high] = secret_of(options.file);
  constexpr std::size_t live_keeps = 10'000;
  const ObserverOptions observer{std::move(*packs), low, high, live ? live_keeps : 0};
  auto kept = keep(options, capture->link_number(), observer);
  if (!kept) return kept.error();
  std::optional<std::ofstream> exported;
  if (!options.export_to.empty()) {
    exported.emplace(options.export_to);
    if (!*exported) return Error{"cannot be written", options.export_to, "is its folder there?"};
  }
  if (live)
    if (auto dropped = drop_privileges(); !dropped) return dropped;
  Run run(options, std::move(*capture), std::move(*kept), std::move(exported), observer);
  if (live) err << "capturing on " << options.live.device << std::endl;
  if (auto done = live ? run.live(out) : run.file(); !done) return done;
  if (auto exported_too = run.export_all(); !exported_too) return exported_too;
  return run.show(out, err);
}

}  // namespace

ExitCode run_observe(const ObserveOptions& options, std::ostream& out, std::ostream& err) {
  const auto done = observe_all(options, out, err);
  if (done) return ExitCode::done;
  err << "tasklane observe: " << done.error().text() << "\n";
  return done.error().exit;
}

}  // namespace tasklane
