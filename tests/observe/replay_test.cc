// What is told of a server, and what a replay by other rules comes to.
#include "tools/observe/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "observe/small_host.h"
#include "tools/observe/advise.h"
#include "tools/observe/replay_report.h"

namespace tasklane::observe {
namespace {

using testing::HasSubstr;

const Trace& small_trace() {
  static const Trace trace = trace_of(SmallHost().packets);
  return trace;
}

nlohmann::ordered_json report_of(const Trace& trace, const Config& config) {
  const auto servers = fit_servers(trace);
  const ReplayResult before = replay(trace, {nullptr, servers, 4});
  const ReplayResult after = replay(trace, {&config, servers, 4});
  return replay_json({trace, "rules", servers, before, after});
}
const nlohmann::ordered_json& small_report() {
  static const nlohmann::ordered_json report = report_of(small_trace(), default_config().value());
  return report;
}
const nlohmann::ordered_json& of_class(const nlohmann::ordered_json& report, std::string_view name) {
  for (const auto& each : report["classes"])
    if (each["class"] == name) return each;
  throw std::runtime_error("no class " + std::string(name));
}

TEST(Fit, FindsTheRatesOfASimulatedServerWithinATenth) {
  const auto servers = fit_servers(small_trace());
  ASSERT_EQ(servers.size(), 1u);
  const ServerModel& model = servers.begin()->second;
  EXPECT_NEAR(model.engine.prefill_rate, known_rates().prefill_rate, 40);
  EXPECT_NEAR(model.engine.decode_rate, known_rates().decode_rate, 2.5);
  EXPECT_EQ(model.engine.slots, 1u);
  EXPECT_EQ(model.engine.flavour, sim::Flavour::llama);
}

TEST(Fit, FindsTheRatesOfServersOfEveryShape) {
  for (const sim::Flavour flavour : {sim::Flavour::llama, sim::Flavour::ollama})
    for (const unsigned slots : {1U, 4U})
      for (const std::size_t host_cache : {std::size_t{2} << 20U, std::size_t{0}}) {
        sim::EngineOptions engine = known_rates();
        engine.flavour = flavour;
        engine.batch = flavour == sim::Flavour::llama ? 2048 : 512;
        engine.slots = slots;
        engine.host_cache = host_cache;
        const ServerModel model = fit_servers(trace_of(SmallHost(engine).packets)).begin()->second;
        SCOPED_TRACE(std::string(flavour == sim::Flavour::llama ? "llama" : "Ollama") + ", slots " +
                     std::to_string(slots) + ", host cache " + std::to_string(host_cache));
        EXPECT_NEAR(model.engine.prefill_rate, engine.prefill_rate, 40);
        EXPECT_NEAR(model.engine.decode_rate, engine.decode_rate, 2.5);
        EXPECT_EQ(model.engine.flavour, flavour);
      }
}

TEST(Fit, SeesSlotsAndALostCache) {
  sim::EngineOptions engine = known_rates();
  engine.slots = 2;
  EXPECT_EQ(fit_servers(trace_of(SmallHost(engine, 4).packets)).begin()->second.engine.slots, 2u);
  engine.slots = 1;
  engine.host_cache = 0;
  EXPECT_EQ(fit_servers(trace_of(SmallHost(engine, 4).packets)).begin()->second.engine.host_cache, 0u);
}

// An agent before the server asks them so, and passes on what the server says of all that.
TEST(Fit, KnowsATokensSizeByTheChatsWhateverTasksOnTopOfThemTook) {
  Trace trace = small_trace();
  const double size = fit_servers(trace).begin()->second.bytes_per_token;
  for (ObservedRequest& request : trace.requests)
    if (request.request_class() != RequestClass::chat && request.figures.prompt_tokens)
      *request.figures.prompt_tokens += 5000;
  EXPECT_DOUBLE_EQ(size, fit_servers(trace).begin()->second.bytes_per_token);
}

TEST(Fit, TakesWhatIsGiven) {
  GivenModel given;
  given.slots = 3;
  given.prefill = 1000;
  const ServerModel model = fit_servers(small_trace(), given).begin()->second;
  EXPECT_EQ(model.engine.slots, 3u);
  EXPECT_EQ(model.engine.prefill_rate, 1000);
  EXPECT_EQ(model.because.at("prefill"), "given");
}

TEST(Replay, WithoutRulesIsWhatWas) {
  const auto& chat = of_class(small_report(), "chat");
  for (const char* const which : {"p50", "p95"}) {
    const double was = chat["was"]["ttft_s"][which], simulated = chat["simulated"]["ttft_s"][which];
    EXPECT_NEAR(simulated, was, was * 0.1) << which;
  }
}

TEST(Replay, WithRulesChatsComeSoonerAndTasksAllTheSame) {
  const auto& chat = of_class(small_report(), "chat");
  EXPECT_EQ(chat["requests"], 48);
  EXPECT_LT(chat["would"]["ttft_s"]["p95"].get<double>(), chat["was"]["ttft_s"]["p95"].get<double>() * 0.7);
  for (const char* const name : {"title", "tags", "follow_up"}) {
    const auto& task = of_class(small_report(), name);
    EXPECT_EQ(task["would"]["answered"], task["requests"]) << name;
    EXPECT_GT(task["would"]["total_s"]["p50"].get<double>(), 0.4) << name;
  }
}

TEST(Replay, TwiceIsTheSame) {
  EXPECT_TRUE(report_of(small_trace(), default_config().value()) == small_report());
}

TEST(Replay, ATaskModelOfItsOwnTakesTheTasks) {
  const Config config = load_config(TASKLANE_SOURCE_DIR "/config/task-model.json").value();
  const auto report = report_of(small_trace(), config);
  for (const auto& each : report["requests"])
    EXPECT_EQ(each["would"]["server"], each["class"] == "chat" ? "11434" : "task") << each["id"];
}

// A task quotes its chat word for word, as far as hashes tell: asked on top of it, it leaves the chat's
// prompt in the cache.
TEST(Replay, TasksAreGraftedOnTheChatThatTheyQuote) {
  Config config = default_config().value();
  const auto servers = fit_servers(small_trace());
  const ReplayResult grafted = replay(small_trace(), {&config, servers, 4});
  for (auto& [name, upstream] : config.upstreams) upstream.graft = false;
  const ReplayResult plain = replay(small_trace(), {&config, servers, 4});
  EXPECT_GT(grafted.grafted, 48u);  // of 108 tasks
  EXPECT_EQ(plain.grafted, 0u);
  EXPECT_LT(grafted.computed_tokens, plain.computed_tokens);
}

// Every request's bar: its pieces follow each other, and end when it ends.
TEST(Replay, TheSpansOfARequestAreItsTime) {
  for (const auto& each : small_report()["requests"]) {
    double at = each["would"]["at_s"];
    for (const auto& span : each["would"]["spans"]) {
      EXPECT_NEAR(span[1].get<double>(), at, 0.002) << each["id"];
      at = span[2];
    }
    EXPECT_NEAR(at, each["would"]["at_s"].get<double>() + each["would"]["total_s"].get<double>(), 0.01)
        << each["id"];
  }
}

TEST(Replay, ExplainsInWordsWhatAChatWaitedFor) {
  bool any = false;
  for (const auto& each : small_report()["requests"]) {
    if (each["class"] != "chat") continue;
    const std::string why = each["was"]["why"];
    any = any || why.find("behind title") != std::string::npos ||
          why.find("behind follow_up") != std::string::npos;
    EXPECT_THAT(each["would"]["why"].get<std::string>(), HasSubstr("first token after"));
  }
  EXPECT_TRUE(any);
}

TEST(Export, HoldsNoTextAndReplaysToTheSame) {
  std::ostringstream out;
  write_trace(small_trace(), out);
  for (const char* const word : {"rule3", "ask1", "Task", "10.0.0"})
    EXPECT_EQ(out.str().find(word), std::string::npos) << word;
  std::istringstream in(out.str());
  const auto read = read_trace(in, "export");
  ASSERT_TRUE(read) << read.error().text();
  auto report = report_of(*read, default_config().value());
  report["source"] = small_report()["source"];
  for (std::size_t i = 0; i < report["requests"].size(); ++i)  // what differs, where something does
    ASSERT_EQ(report["requests"][i]["would"].dump(), small_report()["requests"][i]["would"].dump());
  for (std::size_t i = 0; i < report["requests"].size(); ++i)
    ASSERT_EQ(report["requests"][i].dump(), small_report()["requests"][i].dump());
  EXPECT_TRUE(report == small_report());
}

TEST(Export, ThatIsNoneSaysWhere) {
  const auto error_of = [](const std::string& text) {
    std::istringstream in(text);
    const auto read = read_trace(in, "file");
    return read ? std::string() : read.error().text();
  };
  EXPECT_THAT(error_of("{\"other\":1}\n"), HasSubstr("file:1: no export"));
  EXPECT_THAT(error_of("{\"tasklane_export\":1}\n{\"id\":1}\n"), HasSubstr("file:2"));
  EXPECT_THAT(error_of("{\"tasklane_export\":1}\nnothing\n"), HasSubstr("file:2"));
  std::ostringstream out;
  write_trace(small_trace(), out);
  std::string text = out.str();
  const std::size_t quotes = text.find("\"quotes\":[[");
  ASSERT_NE(quotes, std::string::npos);
  text.replace(text.find(',', quotes) + 1, 1, "99999999");
  EXPECT_THAT(error_of(text), HasSubstr("a quote outside of its prompt"));
}

TEST(Advice, IsARuleFileThatHoldsAndSaysWhatEachChoiceIsWorth) {
  const auto advice = advise(small_trace());
  ASSERT_TRUE(advice) << advice.error().text();
  const auto config = parse_config(advice->rules.dump(2), "advice");
  ASSERT_TRUE(config) << config.error().text();
  const std::string text = advice_text(*advice);
  for (const char* const what : {"slots: 1", "models: one", "quiet: ", "rewarm: ", "without rules: "})
    EXPECT_THAT(text, HasSubstr(what));
}

TEST(Advice, TakesATaskModelThatIsThere) {
  Trace trace = small_trace();
  // The same tags, asked of another port, by a front end whose quotes nobody recognises: on top of their
  // chats they would be better off.
  for (ObservedRequest& request : trace.requests) {
    request.quotes.clear();
    if (request.request_class() == RequestClass::tags) {
      request.server.port = 11435;
      request.model = "small";
    }
  }
  const auto advice = advise(trace);
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->rules["upstreams"]["task"]["url"], "http://127.0.0.1:11435");
  EXPECT_EQ(advice->rules["upstreams"]["task"]["model"], "small");
}

TEST(Advice, OfNoChatIsAnError) { EXPECT_FALSE(advise(Trace{})); }

}  // namespace
}  // namespace tasklane::observe
