#include "tools/bench/lanes/held.h"

#include <chrono>
#include <functional>
#include <thread>

#include "tools/bench/lanes/chats.h"
#include "tools/bench/lanes/crowd.h"
#include "tools/bench/lanes/figures.h"
#include "tools/bench/lanes/process.h"
#include "tools/bench/lanes/requests.h"
#include "tools/bench/lanes/typists.h"

namespace tasklane::bench {
namespace {

constexpr auto patience = std::chrono::seconds(120);
constexpr auto look_again = std::chrono::milliseconds(100);
constexpr auto settle = std::chrono::seconds(2);
constexpr Duration typing_time = std::chrono::seconds(5);
constexpr std::size_t typing_keystrokes = 800;

class Held {
 public:
  Held(const HeldOptions& options, const Stage& stage) : options_(options), stage_(stage) {}

  Json play() {
    learn_suggestion();
    Json report{{"clients", options_.clients}};
    report["rows"].push_back(row("direct, none held", stage_.direct(), {}));
    report["rows"].push_back(row("through, none held", stage_.through(), shown_));
    report["agent"]["before"] = footprint();
    hold(report);
    release(report);
    hold_again(report);
    return report;
  }

 private:
  // What the rows' typist types along.
  void learn_suggestion() {
    shown_.typed = "How do I";
    const std::string request = autocomplete_request(shown_.typed, "one who types along");
    shown_.suggestion = suggestion_of(load_.run(ask_once(load_.io(), stage_.through(), request)).body);
  }

  // A chat that streams, and what others meet beside it.
  Json row(const char* name, std::uint16_t port, const Shown& shown) {
    LongChat chat(load_, port, ++chats_);
    std::this_thread::sleep_for(settle);
    return row_beside(name, chat, port, shown);
  }

  Json row_beside(const char* name, LongChat& chat, std::uint16_t port, const Shown& shown) {
    const Time begin = now();
    const Beside beside = load_.run(chats_beside(load_.io(), port, options_.chats, shown));
    Json row{{"row", name},
             {"gap_ms", spread_of(chat.gaps_since(begin))},
             {"first_token_ms", spread_of(beside.first_tokens)},
             {"version_ms", spread_of(beside.version)},
             {"type_ahead_ms", spread_of(beside.type_ahead)},
             {"failed", beside.failed}};
    if (!shown.suggestion.empty()) row["keystrokes"] = type_beside(chat, port);
    row["still_streams"] = chat.streams();
    return row;
  }

  // Typists while the chat streams: none of it reaches the model.
  Json type_beside(LongChat& chat, std::uint16_t port) {
    const Time begin = now();
    const double cpu = footprint_of(stage_.agent()).cpu_seconds;
    const Typed typed = load_.run(type(load_.io(), {port, options_.typists, typing_keystrokes, typing_time}));
    std::vector<double> all;
    for (const EditorTally* tally : {&typed.one_in_flight, &typed.eager})
      for (const auto& [completion, times] : tally->answers)
        all.insert(all.end(), times.begin(), times.end());
    return {{"asked", typed.one_in_flight.asked + typed.eager.asked},
            {"answer_ms", spread_of(all)},
            {"gap_ms", spread_of(chat.gaps_since(begin))},
            {"agent_cpu_seconds", rounded(footprint_of(stage_.agent()).cpu_seconds - cpu)}};
  }

  void hold(Json& report) {
    LongChat chat(load_, stage_.through(), ++chats_);
    std::this_thread::sleep_for(settle);
    crowd_.emplace(load_.io(), stage_.through(), options_.clients, 0);
    report["coming"] = while_it_happens(chat, crowd_->arrive(), options_.clients);
    report["agent"]["held"] = footprint();
    report["upstream_connections"] = connections_to(stage_.agent(), stage_.model());
    report["rows"].push_back(row_beside("through, all held", chat, stage_.through(), shown_));
    report["held_all_along"] = stage_.waiting();
    report["leaving"] = while_it_happens(chat, crowd_->leave(false), options_.clients - options_.clients / 2);
    const Time gone = now();
    report["agent"]["half_left"] = footprint_at_rest();
    report["left"]["gap_ms"] = spread_of(chat.gaps_since(gone));
  }

  // Until so many wait, by the agent's own account; the chat's gaps meanwhile.
  template <class Work>
  Json while_it_happens(LongChat& chat, Work work, std::size_t waiting) {
    const Time begin = now();
    const double cpu = footprint_of(stage_.agent()).cpu_seconds;
    load_.start(std::move(work)).get();
    const bool reached = comes_true([&] { return stage_.waiting() == waiting; });
    return {{"seconds", rounded(seconds_of(now() - begin))},
            {"waiting", reached ? waiting : stage_.waiting()},
            {"agent_cpu_seconds", rounded(footprint_of(stage_.agent()).cpu_seconds - cpu)},
            {"gap_ms", spread_of(chat.gaps_since(begin))}};
  }

  // The chat is over: whoever has stayed is answered.
  void release(Json& report) {
    const Time begin = now();
    const double cpu = footprint_of(stage_.agent()).cpu_seconds;
    CrowdTally tally;
    comes_true([&] {
      tally = load_.run(crowd_->tally());
      return tally.answered + tally.wrong + tally.lost + tally.left >= options_.clients;
    });
    std::this_thread::sleep_for(settle);  // for answers that come twice
    tally = load_.run(crowd_->tally());
    report["request_bytes"] = tally.request_bytes / std::max<std::size_t>(1, tally.asked);
    report["end"] = {{"seconds", rounded(seconds_of(now() - begin))},
                     {"agent_cpu_seconds", rounded(footprint_of(stage_.agent()).cpu_seconds - cpu)},
                     {"asked", tally.asked},
                     {"left", tally.left},
                     {"answered", tally.answered},
                     {"wrong", tally.wrong},
                     {"lost", tally.lost},
                     {"twice", tally.twice},
                     {"waiting", stage_.waiting()}};
    load_.run(left(*crowd_));
    report["agent"]["after"] = footprint_at_rest();
  }

  // A second time: what the first one left behind is used again, or it leaks.
  void hold_again(Json& report) {
    LongChat chat(load_, stage_.through(), ++chats_);
    Crowd again(load_.io(), stage_.through(), options_.clients, options_.clients);
    report["coming_again"] = while_it_happens(chat, again.arrive(), options_.clients);
    report["agent"]["held_again"] = footprint();
    load_.run(left(again));
    report["gone_again"] = comes_true([&] { return stage_.waiting() == 0; });
    report["agent"]["after_again"] = footprint_at_rest();
  }

  static Awaitable<bool> left(Crowd& crowd) {
    co_await crowd.leave(true);
    co_return true;
  }

  [[nodiscard]] Json footprint() const {
    const Footprint now_held = footprint_of(stage_.agent());
    return {{"resident_bytes", now_held.resident}, {"descriptors", now_held.descriptors}};
  }
  [[nodiscard]] Json footprint_at_rest() const {
    std::this_thread::sleep_for(settle);
    return footprint();
  }

  static bool comes_true(const std::function<bool()>& condition) {
    for (auto waited = std::chrono::milliseconds(0); waited < patience; waited += look_again) {
      if (condition()) return true;
      std::this_thread::sleep_for(look_again);
    }
    return false;
  }

  const HeldOptions& options_;
  const Stage& stage_;
  Load load_;
  Shown shown_;
  std::size_t chats_ = 1'000'000;
  std::optional<Crowd> crowd_;
};

}  // namespace

Result<Json> measure_held(const HeldOptions& options) {
  StageOptions wanted = options.stage;
  // Slots for chats beside the one that streams; tokens often enough that a stall of the agent shows.
  wanted.slots = 16;
  wanted.model_arguments = {"--prefill", "20000", "--decode", "200", "--answer-tokens", "16000"};
  wanted.max_wait = "600s";
  wanted.max_connections = static_cast<unsigned>(2 * options.clients + 4096);
  const Result<Stage> stage = Stage::set(wanted);
  if (!stage) return stage.error();
  Json report = Held(options, *stage).play();
  const double held = report["/agent/held/resident_bytes"_json_pointer].get<double>();
  const double before = report["/agent/before/resident_bytes"_json_pointer].get<double>();
  report["bytes_per_held_client"] = std::round((held - before) / static_cast<double>(options.clients));
  return Result<Json>(boost::system::in_place_value, std::move(report));
}

}  // namespace tasklane::bench
