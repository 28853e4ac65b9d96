// What the rules and the rewriting cost per request. Budget: a few microseconds to decide without looking
// into a body, and less to rewrite a body than to classify it.
#include <benchmark/benchmark.h>

#include <string>

#include "shaper/decide/decide.h"
#include "shaper/dialect/response_model.h"
#include "shaper/task/request_rewrite.h"

namespace tasklane {
namespace {

// `others` rules that look at class, path, header and client go before the one that matches.
Config with_rules(int others, const std::string& when) {
  std::string rules;
  for (int i = 0; i < others; ++i)
    rules += R"({"name": "r)" + std::to_string(i) +
             R"(", "when": {"class": ["title"], "path": "/v1/*", "client": "10.0.0.0/8",
                 "header": {"name": "X-Team", "matches": "^b"}}, "then": {"route": "task"}},)";
  return parse_config(
             R"({"version": 1, "intercept": [{"port": 1}],
      "upstreams": {"task": {"url": "http://127.0.0.1:2", "model": "small"}}, "rules": [)" +
                 rules + R"({"name": "last", "when": )" + when +
                 R"(, "then": {"route": ["task", "original"], "patch": {"options": {"num_predict": 256}}}}]})",
             "bench")
      .value();
}

std::string body_of(std::size_t bytes) {
  return R"({"model":"big","stream":false,"messages":[{"role":"user","content":")" + std::string(bytes, 'x') +
         R"("}]})";
}

void decide_with(benchmark::State& state, const std::string& when) {
  const Config config = with_rules(static_cast<int>(state.range(0)), when);
  const RequestHead head{
      "POST", "/api/chat", {{"Host", "localhost"}, {"User-Agent", "aiohttp"}, {"X-Team", "a"}}};
  const Endpoint endpoint = endpoint_of(head.method, head.target);
  const std::string body = body_of(4096);
  BodyReader reader;
  const BodyFacts& facts = reader.read(body, endpoint.dialect);
  Classification classification;
  classification.request_class = RequestClass::title;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        decide(config, {head, endpoint, &facts, body.size(), classification, "127.0.0.1"}));
}

void decide_by_head(benchmark::State& state) {
  decide_with(state, R"({"class": "title", "path": "/api/*"})");
}
void decide_by_model(benchmark::State& state) { decide_with(state, R"({"class": "title", "model": "b*"})"); }
void decide_by_pointer(benchmark::State& state) {
  decide_with(state, R"({"class": "title", "body": {"pointer": "/stream", "equals": false}})");
}

void rewrite(benchmark::State& state) {
  const Config config = with_rules(0, "{}");
  const std::string body = body_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state)
    benchmark::DoNotOptimize(rewritten_bodies(body, config.rules[0].then, {&config.upstreams.at("task")}));
  state.SetBytesProcessed(static_cast<std::int64_t>(body.size()) * state.iterations());
}

void model_in_chunk(benchmark::State& state) {
  ResponseModel transform(AnswerFormat::sse, "big");
  const std::string chunk =
      R"(data: {"choices":[{"index":0,"delta":{"content":" word"}}],"created":1,"id":"chatcmpl-1","model":"small"})"
      "\n\n";
  for (auto _ : state) benchmark::DoNotOptimize(transform.feed(chunk));
}

BENCHMARK(decide_by_head)->Arg(0)->Arg(16);
BENCHMARK(decide_by_model)->Arg(0);
BENCHMARK(decide_by_pointer)->Arg(0);
BENCHMARK(rewrite)->Arg(4 << 10)->Arg(1 << 20);
BENCHMARK(model_in_chunk);

}  // namespace
}  // namespace tasklane

BENCHMARK_MAIN();
