#include "tools/bench/lanes/keystrokes.h"

#include <future>

#include "tools/bench/lanes/chats.h"
#include "tools/bench/lanes/figures.h"
#include "tools/bench/lanes/process.h"
#include "tools/bench/lanes/requests.h"
#include "tools/bench/lanes/typists.h"

namespace tasklane::bench {
namespace {

constexpr std::size_t chat_tokens = 32;
constexpr Duration between_chats = std::chrono::seconds(5);
constexpr Duration chat_patience = std::chrono::seconds(10);  // then that person gives up
constexpr Duration between_probes = std::chrono::milliseconds(50);
constexpr std::size_t quiet_chats = 2;
constexpr std::size_t quiet_probes = 200;

struct Chats {
  std::vector<double> first_tokens;  // milliseconds
  std::size_t asked = 0;
};

// One person's chats, until then.
Awaitable<Chats> chat_until(asio::io_context& io, std::uint16_t port, Time end, std::size_t number) {
  Chats chats;
  for (; now() < end; ++chats.asked) {
    const std::string request = chat_request(number + chats.asked, chat_tokens);
    const Reply reply = co_await ask_once(io, port, request, chat_patience);
    if (reply.whole && reply.status == 200) chats.first_tokens.push_back(milliseconds(reply.first_byte));
    co_await pause(io, between_chats);
  }
  co_return chats;
}

Awaitable<std::vector<double>> probe_until(asio::io_context& io, std::uint16_t port, Time end) {
  std::vector<double> times;
  while (now() < end) {
    const std::string request = version_request();
    const Reply reply = co_await ask_once(io, port, request);
    if (reply.whole) times.push_back(milliseconds(reply.total));
    co_await pause(io, between_probes);
  }
  co_return times;
}

// At rest, by turns: an answer from the last suggestion, a plain one through the agent, a plain one without.
struct AtRest {
  std::vector<double> type_ahead, version, version_direct;
};

Awaitable<AtRest> play_at_rest(asio::io_context& io, std::uint16_t through, std::uint16_t direct) {
  AtRest times;
  const std::string typist = "a quiet one";
  const std::string typed = "How do I";
  const std::string first = autocomplete_request(typed, typist);
  const Reply shown = co_await ask_once(io, through, first);
  const std::string suggestion = suggestion_of(shown.body);
  for (std::size_t i = 0; i < quiet_probes && suggestion.size() > 1; ++i) {
    const std::size_t along = i % (suggestion.size() - 1);
    const std::string next = autocomplete_request(typed + suggestion.substr(0, along), typist);
    const Reply rest = co_await ask_once(io, through, next);
    if (suggestion_of(rest.body) == suggestion.substr(along))
      times.type_ahead.push_back(milliseconds(rest.total));
    const std::string plain = version_request();
    const Reply relayed = co_await ask_once(io, through, plain);
    times.version.push_back(milliseconds(relayed.total));
    const Reply straight = co_await ask_once(io, direct, plain);
    times.version_direct.push_back(milliseconds(straight.total));
  }
  co_return times;
}

Json at_rest(Load& load, const Stage& stage) {
  const AtRest times = load.run(play_at_rest(load.io(), stage.through(), stage.direct()));
  return {{"type_ahead_ms", spread_of(times.type_ahead)},
          {"version_ms", spread_of(times.version)},
          {"version_direct_ms", spread_of(times.version_direct)}};
}

Json tally_of(const EditorTally& tally) {
  Json json{{"keystrokes", tally.keystrokes}, {"asked", tally.asked}};
  for (const auto& [completion, times] : tally.answers) {
    Json& entry = json["answers"][to_text(completion)] = spread_of(times);
    entry["share"] = rounded(static_cast<double>(times.size()) / static_cast<double>(tally.asked));
  }
  return json;
}

// What reached the model: generations begun, those that came to an end, and prompt tokens computed.
Json asked_of_model(Load& load, std::uint16_t port) {
  const Reply reply = load.run(ask_once(load.io(), port, log_request()));
  const nlohmann::json log = nlohmann::json::parse(reply.body, nullptr, false);
  std::size_t requests = 0;
  std::size_t done = 0;
  if (!log.is_object()) return nullptr;
  for (const auto& entry : log["requests"]) {
    if (!entry.contains("outcome")) continue;
    ++requests;
    done += entry["outcome"] == "done" ? 1 : 0;
  }
  return {{"requests", requests}, {"done", done}, {"prompt_tokens", log["prompt_tokens_computed"]}};
}

Json row(const char* name, Load& load, std::uint16_t port, const KeystrokeOptions& options) {
  const Chats quiet = load.run(chat_until(load.io(), port, now() + quiet_chats * between_chats, 1000));
  const Duration time = std::chrono::seconds(options.seconds);
  const Time end = now() + time;
  auto chats = load.start(chat_until(load.io(), port, end, 2000));
  auto probes = load.start(probe_until(load.io(), port, end));
  const Typed typed = load.run(type(load.io(), {port, options.typists, options.keystrokes, time}));
  const Chats beside = chats.get();
  return {{"row", name},
          {"one_in_flight", tally_of(typed.one_in_flight)},
          {"eager", tally_of(typed.eager)},
          {"version_ms", spread_of(probes.get())},
          {"chats", {{"asked", beside.asked}, {"first_token_ms", spread_of(beside.first_tokens)}}},
          {"chats_at_rest", {{"asked", quiet.asked}, {"first_token_ms", spread_of(quiet.first_tokens)}}},
          {"model", asked_of_model(load, port)}};
}

Json play(const KeystrokeOptions& options, const Stage& stage) {
  Load load;
  Json report{{"typists", options.typists}, {"seconds", options.seconds}};
  report["at_rest"] = at_rest(load, stage);
  const Footprint before = footprint_of(stage.agent());
  report["rows"].push_back(row("through", load, stage.through(), options));
  const Footprint after = footprint_of(stage.agent());
  report["agent"] = {{"cpu_seconds", rounded(after.cpu_seconds - before.cpu_seconds)},
                     {"resident_bytes_before", before.resident},
                     {"resident_bytes_after", after.resident},
                     {"descriptors_before", before.descriptors},
                     {"descriptors_after", after.descriptors}};
  report["agent"]["counted"] =
      stage.stats().value("/lanes/by_lane/keystroke"_json_pointer, nlohmann::json::object());
  report["rows"].push_back(row("direct", load, stage.direct(), options));
  return report;
}

}  // namespace

Result<Json> measure_keystrokes(const KeystrokeOptions& options) {
  StageOptions wanted = options.stage;
  wanted.slots = 1;
  // A quick one: some 30 completions a second, of the 170 that are asked for.
  wanted.model_arguments = {"--prefill", "8000", "--decode", "300"};
  const Result<Stage> stage = Stage::set(wanted);
  if (!stage) return stage.error();
  return Result<Json>(boost::system::in_place_value, play(options, *stage));
}

}  // namespace tasklane::bench
