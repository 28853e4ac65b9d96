// What reading and classifying cost per request. Goals: 10 us for 4 KiB without the echo, 0.8 ms for 1 MiB,
// 25 us of echo for a prompt of 32 KiB.
#include <benchmark/benchmark.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/classify/classifier.h"
#include "shaper/classify/echo.h"
#include "shaper/classify/pack.h"
#include "shaper/dialect/body.h"

namespace tasklane {
namespace {

using Json = nlohmann::ordered_json;

// Prose of no meaning with the word lengths of English; the same for the same seed.
std::string prose(std::size_t bytes, unsigned seed) {
  std::string text;
  unsigned state = seed * 2654435761U + 1;
  while (text.size() < bytes) {
    state = state * 1664525U + 1013904223U;
    const std::size_t letters = 2 + (state >> 24U) % 8;
    for (std::size_t i = 0; i < letters; ++i) text += static_cast<char>('a' + (state >> (3 * i)) % 26);
    text += (state >> 8U) % 12 == 0 ? ".\n" : " ";
  }
  text.resize(bytes);
  return text;
}

Json message(const char* role, const std::string& text) { return {{"role", role}, {"content", text}}; }

Json chat(std::size_t bytes, std::size_t turns, unsigned seed) {
  Json body{{"stream", true}, {"model", "m"}, {"messages", Json::array()}};
  for (std::size_t i = 0; i < turns; ++i)
    body["messages"].push_back(
        message(i % 2 == 0 ? "user" : "assistant", prose(bytes / turns, seed + static_cast<unsigned>(i))));
  return body;
}

// Shaped like a task, known to no pack: every entry is tried.
Json task(std::size_t bytes, unsigned seed) {
  return {{"model", "m"},
          {"messages",
           Json::array({message("user", "### Task:\nName it as {\"name\": \"x\"}.\n" + prose(bytes, seed))})},
          {"stream", false}};
}

class Bench {
 public:
  explicit Bench(bool packs)
      : classifier_(packs ? find_packs({"open-webui"}, {}).value() : none(), {0.5, 1, 2}) {}

  RequestClass run(const std::string& body) {
    const BodyFacts& facts = reader_.read(body, Dialect::openai_chat);
    now_ += std::chrono::milliseconds(1);
    return classifier_.classify({++id_, head_, endpoint_, &facts, "127.0.0.1", now_}).request_class;
  }

 private:
  static std::vector<std::shared_ptr<const Pack>> none() { return {}; }
  BodyReader reader_;
  Classifier classifier_;
  RequestHead head_{"POST", "/v1/chat/completions", {}};
  Endpoint endpoint_ = endpoint_of("POST", "/v1/chat/completions");
  RequestId id_ = 0;
  Time now_{};
};

void read_only(benchmark::State& state) {
  BodyReader reader;
  const std::string body = task(static_cast<std::size_t>(state.range(0)), 7).dump();
  for (auto _ : state) benchmark::DoNotOptimize(reader.read(body, Dialect::openai_chat).messages.data());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(read_only)->Name("read")->Arg(4 << 10)->Arg(32 << 10)->Arg(1 << 20)->Unit(benchmark::kMicrosecond);

void a_chat(benchmark::State& state) {
  Bench bench(true);
  const std::string body = chat(static_cast<std::size_t>(state.range(0)), 9, 3).dump();
  for (auto _ : state) benchmark::DoNotOptimize(bench.run(body));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(a_chat)
    ->Name("read+classify/chat seen before")
    ->Arg(4 << 10)
    ->Arg(32 << 10)
    ->Arg(1 << 20)
    ->Unit(benchmark::kMicrosecond);

void a_task(benchmark::State& state) {
  Bench bench(true);
  for (unsigned i = 0; i < 400; ++i) bench.run(chat(8 << 10, 9, 1000 + 10 * i).dump());
  const std::string body = task(static_cast<std::size_t>(state.range(0)), 3).dump();
  for (auto _ : state) benchmark::DoNotOptimize(bench.run(body));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(a_task)
    ->Name("read+classify/unknown task, echo asked")
    ->Arg(4 << 10)
    ->Arg(32 << 10)
    ->Arg(1 << 20)
    ->Unit(benchmark::kMicrosecond);

// A streamed request with a task's words: read, packs and header, and never an echo.
void without_echo(benchmark::State& state) {
  Bench bench(true);
  Json body = task(static_cast<std::size_t>(state.range(0)), 3);
  body["tools"] = Json::array({{{"type", "function"}}});
  const std::string bytes = body.dump();
  for (auto _ : state) benchmark::DoNotOptimize(bench.run(bytes));
}
BENCHMARK(without_echo)
    ->Name("read+classify/no echo")
    ->Arg(4 << 10)
    ->Arg(1 << 20)
    ->Unit(benchmark::kMicrosecond);

void echo_of_a_new_chat(benchmark::State& state) {
  BodyReader reader;
  const std::string body = chat(static_cast<std::size_t>(state.range(0)), 9, 3).dump();
  const BodyFacts& facts = reader.read(body, Dialect::openai_chat);
  Time now{};
  for (auto _ : state) {
    state.PauseTiming();
    auto echo = std::make_unique<Echo>(1, 2);
    state.ResumeTiming();
    benchmark::DoNotOptimize(echo->remember(facts, true, {Tenant(1), Typist(1), 1}, 0.5, now));
    state.PauseTiming();
    echo.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(echo_of_a_new_chat)->Name("echo/remember a new chat")->Arg(32 << 10)->Unit(benchmark::kMicrosecond);

void echo_of_a_prompt(benchmark::State& state) {
  Echo echo(1, 2);
  BodyReader reader;
  for (unsigned i = 0; i < 400; ++i)
    echo.remember(reader.read(chat(8 << 10, 9, 1000 + 10 * i).dump(), Dialect::openai_chat), true,
                  {Tenant(1), Typist(i + 1), i + 1}, 0.5, Time{});
  const std::string text = prose(static_cast<std::size_t>(state.range(0)), 3);
  for (auto _ : state) benchmark::DoNotOptimize(echo.find({Tenant(1), text, {}, {}}, 1, Time{}));
}
BENCHMARK(echo_of_a_prompt)
    ->Name("echo/find in a prompt")
    ->Arg(4 << 10)
    ->Arg(32 << 10)
    ->Unit(benchmark::kMicrosecond);

// What repeats itself makes every place of a phrase one where a message may begin, and the shorter the phrase
// the more of them there are: prompts of nothing else, beside chats of nothing else. Kept (an id) it is held
// against later chats too.
void echo_of_the_worst_text(benchmark::State& state, const std::string& phrase) {
  constexpr std::size_t size = 32U << 10;
  std::string text;
  while (text.size() < size) text += phrase;
  Echo echo(1, 2);
  BodyReader reader;
  RequestId id = 0;
  for (std::size_t turns = 64; turns > 0; --turns) {
    const std::string said = text.substr(turns * phrase.size());
    const Json body{{"model", "m"}, {"messages", Json::array({message("user", said)})}};
    echo.remember(reader.read(body.dump(), Dialect::openai_chat), true, {Tenant(1), Typist(1), ++id}, 0.5,
                  Time{});
  }
  for (auto _ : state) benchmark::DoNotOptimize(echo.find({Tenant(1), text, {}, {}}, ++id, Time{}));
}
BENCHMARK_CAPTURE(echo_of_the_worst_text, phrase, "and so on ")
    ->Name("echo/find in a prompt that repeats itself")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(echo_of_the_worst_text, letter, "a ")
    ->Name("echo/find in a prompt of one letter")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(echo_of_the_worst_text, sign, ".")
    ->Name("echo/find in a prompt of one sign")
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace tasklane

BENCHMARK_MAIN();
