// Streams as Ollama and llama-server send them, fed in any pieces, become the answer that the client's own
// request would have got.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "shaper/dialect/assemble.h"

namespace tasklane {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::string_view ollama_title =
    R"({"model":"smol","created_at":"2026-11-25T09:41:38.406Z","message":{"role":"assistant","content":"{\"ti"},"done":false}
{"model":"smol","created_at":"2026-11-25T09:41:38.602Z","message":{"role":"assistant","content":"tle\": \"Bröt"},"done":false}
{"model":"smol","created_at":"2026-11-25T09:41:38.798Z","message":{"role":"assistant","content":"chen 🥖\"}"},"done":false}
{"model":"smol","created_at":"2026-11-25T09:41:38.799Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":3912975544,"load_duration":2913378280,"prompt_eval_count":10,"prompt_eval_duration":601802000,"eval_count":3,"eval_duration":393442000}
)";

constexpr std::string_view llama_title =
    R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795599700,"id":"chatcmpl-LJ","model":"smol.gguf","system_fingerprint":"b0","object":"chat.completion.chunk"}

: a ping

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"{\"title\": \""}}],"created":1795599700,"id":"chatcmpl-LJ","model":"smol.gguf","system_fingerprint":"b0","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Bread\"}"}}],"created":1795599700,"id":"chatcmpl-LJ","model":"smol.gguf","system_fingerprint":"b0","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"created":1795599700,"id":"chatcmpl-LJ","model":"smol.gguf","system_fingerprint":"b0","object":"chat.completion.chunk"}

data: {"choices":[],"created":1795599700,"id":"chatcmpl-LJ","model":"smol.gguf","system_fingerprint":"b0","object":"chat.completion.chunk","usage":{"completion_tokens":9,"prompt_tokens":31,"total_tokens":40,"prompt_tokens_details":{"cached_tokens":24}},"timings":{"cache_n":24,"prompt_n":7,"prompt_ms":406.5,"predicted_n":9,"predicted_ms":35.25}}

data: [DONE]

)";

AnswerAssembler fed(Dialect dialect, std::string_view stream, Keep keep = Keep::answer) {
  AnswerAssembler assembler(dialect, keep);
  assembler.feed(stream);
  assembler.finish();
  return assembler;
}

json rendered(const AnswerAssembler& assembler, const AnswerForm& form) {
  return json::parse(render(assembler.answer(), form).body);
}

TEST(Assemble, AnOllamaStreamBecomesTheObjectOfANonStreamedRequest) {
  const AnswerAssembler assembler = fed(Dialect::ollama_chat, ollama_title);
  ASSERT_EQ(assembler.state(), StreamState::complete);
  const LocalAnswer answer = render(assembler.answer(), {Dialect::ollama_chat, false, false, "smol:latest"});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.content_type, "application/json; charset=utf-8");
  EXPECT_EQ(
      answer.body,
      R"({"model":"smol:latest","created_at":"2026-11-25T09:41:38.799Z","message":{"role":"assistant","content":"{\"title\": \"Brötchen 🥖\"}"},"done":true,"done_reason":"stop","total_duration":3912975544,"load_duration":2913378280,"prompt_eval_count":10,"prompt_eval_duration":601802000,"eval_count":3,"eval_duration":393442000})");
}

TEST(Assemble, ALlamaServerStreamBecomesOneChoiceWithUsageAndTimings) {
  const AnswerAssembler assembler = fed(Dialect::openai_chat, llama_title);
  ASSERT_EQ(assembler.state(), StreamState::complete);
  const LocalAnswer answer = render(assembler.answer(), {Dialect::openai_chat, false, false, "asked"});
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(json::parse(answer.body), json::parse(R"({"choices":[{"finish_reason":"stop","index":0,"message":
      {"role":"assistant","content":"{\"title\": \"Bread\"}"}}],"created":1795599700,"id":"chatcmpl-LJ",
      "model":"asked","system_fingerprint":"b0","object":"chat.completion",
      "usage":{"completion_tokens":9,"prompt_tokens":31,"total_tokens":40,"prompt_tokens_details":{"cached_tokens":24}},
      "timings":{"cache_n":24,"prompt_n":7,"prompt_ms":406.5,"predicted_n":9,"predicted_ms":35.25}})"));
}

TEST(Assemble, AnySplitOfTheBytesGivesTheSameAnswer) {
  std::mt19937 random(7);
  for (const auto& [dialect, stream] :
       {std::pair{Dialect::ollama_chat, ollama_title}, std::pair{Dialect::openai_chat, llama_title}}) {
    const AnswerForm form{dialect, false, false, "m"};
    const std::string expected = render(fed(dialect, stream).answer(), form).body;
    for (int round = 0; round < 300; ++round) {
      AnswerAssembler assembler(dialect, Keep::raw);
      std::uniform_int_distribution<std::size_t> length(1, round % 3 == 0 ? 3 : 200);
      for (std::size_t at = 0; at < stream.size();) {
        const std::size_t n = length(random);
        assembler.feed(stream.substr(at, n));
        at += n;
      }
      assembler.finish();
      ASSERT_EQ(assembler.state(), StreamState::complete);
      ASSERT_EQ(render(assembler.answer(), form).body, expected);
      ASSERT_EQ(assembler.raw(), stream);
    }
  }
}

TEST(Assemble, EveryStreamThatEndsEarlyIsNotComplete) {
  for (const auto& [dialect, stream] :
       {std::pair{Dialect::ollama_chat, ollama_title}, std::pair{Dialect::openai_chat, llama_title}}) {
    const std::size_t whole = stream.find_last_not_of('\n') + 1;
    for (std::size_t length = 0; length < whole; ++length) {
      AnswerAssembler assembler(dialect);
      assembler.feed(stream.substr(0, length));
      ASSERT_EQ(assembler.state(), StreamState::open) << length;
      assembler.finish(false);
      ASSERT_EQ(assembler.state(), StreamState::failed) << length;
      ASSERT_EQ(assembler.problem(), "the connection broke in mid-answer");
    }
    AnswerAssembler assembler(dialect);
    assembler.feed(stream.substr(0, whole));
    assembler.finish(false);
    EXPECT_EQ(assembler.state(), StreamState::complete) << "the last line break may be missing";
  }
}

TEST(Assemble, TellsTheFiguresOfEachServer) {
  const UpstreamFigures ollama = fed(Dialect::ollama_chat, ollama_title, Keep::figures).figures();
  EXPECT_EQ(ollama.prompt_tokens, 10u);
  EXPECT_EQ(ollama.cached_tokens, std::nullopt) << "Ollama does not tell";
  EXPECT_EQ(ollama.generated_tokens, 3u);
  EXPECT_EQ(ollama.prompt_time, 601802us);
  EXPECT_EQ(ollama.generation_time, 393442us);
  EXPECT_NEAR(seconds_of(*ollama.load_time), 2.913378280, 1e-6);
  EXPECT_NEAR(seconds_of(*ollama.total_time), 3.912975544, 1e-6);
  const UpstreamFigures llama = fed(Dialect::openai_chat, llama_title, Keep::figures).figures();
  EXPECT_EQ(llama.prompt_tokens, 31u);
  EXPECT_EQ(llama.cached_tokens, 24u);
  EXPECT_EQ(llama.computed_tokens, 7u);
  EXPECT_EQ(llama.prompt_time, 406500us);
  EXPECT_EQ(llama.generated_tokens, 9u);
  EXPECT_EQ(llama.generation_time, 35250us);
}

TEST(Assemble, AddsUpThePromptWhereLlamaServerGivesTimingsWithoutUsage) {
  const AnswerAssembler assembler = fed(
      Dialect::openai_chat,
      R"(data: {"choices":[{"finish_reason":"length","index":0,"delta":{}}],"model":"m","timings":{"cache_n":30,"prompt_n":1,"prompt_ms":31.9,"predicted_n":2,"predicted_ms":28}}

data: [DONE]
)");
  EXPECT_EQ(assembler.figures().prompt_tokens, 31u);
  const json answer = rendered(assembler, {Dialect::openai_chat, false, false, "m"});
  EXPECT_EQ(answer.at("usage").at("total_tokens"), 33);
}

TEST(Assemble, OfAPassingChatItKeepsNoText) {
  const AnswerAssembler assembler = fed(Dialect::openai_chat, llama_title, Keep::figures);
  EXPECT_EQ(assembler.state(), StreamState::complete);
  EXPECT_TRUE(assembler.any_text());
  EXPECT_EQ(assembler.answer().finish_reason, "stop");
  EXPECT_EQ(assembler.answer().content, "");
  EXPECT_TRUE(assembler.answer().envelope.empty());
  EXPECT_EQ(assembler.raw(), "");
}

// What a chat's figures are read from, and what only looks like it.
std::string any_line(std::mt19937& random, bool ollama) {
  static const std::vector<std::string> of_ollama{
      R"({"model":"m","created_at":"t","message":{"role":"assistant","content":"\"done\":true"},"done":false})",
      R"({"model":"m","message":{"content":"a","tool_calls":[{"function":{"name":"f"}}]},"done":false})",
      R"({"model":"m","message":{"content":"b"},"done":false,"prompt_eval_count":7})",
      R"({"model":"m","message":{"content":"c"},"done":false,"done":true,"eval_count":2})",
      R"({"model":"m","message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":3})",
      R"({"model":"m","message":{"content":"d"},"done":false,"done_reason":"length"})",
      R"({"model":"m","message":{"content":"d"},"done":true})",
      R"({"message":{"content":""},"done":true,"total_duration":9e8,"load_duration":7,"prompt_eval_duration":5,"eval_duration":3})",
      R"({"message":{"content":"i","content":"","thinking":null},"eval_count":4,"eval_count":null,"load_duration":-1})",
      R"({"message":{"thinking":"j"},"done":"true","done_reason":2,"eval_count":"5","total_duration":1e18})",
      R"({"message":{"content":"","tool_calls":null},"done":1,"prompt_eval_count":1e16,"context":[1,2]})",
      R"({"model":"m","response":"e","thinking":"f","done":false})",
      R"({"model":"m","response":{"error":"g"},"done":false})",
      R"({"message":{"content":"h"},"error":""})",
      R"({"error":"the runner is gone"})",
      R"({"message":{"content":"\ud83e"},"done":false})",
      R"({"message":{"content":"cut"},"do)",
      R"(null)"};
  static const std::vector<std::string> of_openai{
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"model":"m","object":"o"})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"model":"m","usage":null})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}],"model":"m"})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"model":""})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"model":null})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}],"model":"m","timings":{"cache_n":3,"prompt_n":4}})",
      R"(data: {"choices":[],"model":"m","usage":{"prompt_tokens":5,"completion_tokens":6}})",
      R"(data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f"}}]}}],"model":"m"})",
      R"(data: {"choices":[{"index":0,"text":"a","logprobs":null}],"model":"m"})",
      R"(data: {"message":"no choices","type":"error","code":500})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}],"model":"m","error":{"code":503,"message":"b"}})",
      R"(data: {"choices":[{"index":0,"delta":{"content":"a"}}],"model":"m","error":""})",
      R"(data: {"choices":{},"model":"m"})",
      R"(event: error)",
      R"(: a ping)",
      R"(data: [DONE])",
      R"(data: {"cho)"};
  const auto& lines = ollama ? of_ollama : of_openai;
  // Mostly the first, as in a true stream.
  return lines[random() % 3 != 0 ? 0 : random() % lines.size()] + "\n";
}

// With Keep::figures most lines are not made a tree of.
TEST(Assemble, OfAPassingChatItTellsWhatTheWholeAnswerTells) {
  std::mt19937 random(7);
  AnswerAssembler figures(Dialect::none, Keep::figures);
  for (int round = 0; round < 4000; ++round) {
    const bool ollama = round % 2 == 0;
    const Dialect dialect = ollama ? round % 4 == 0 ? Dialect::ollama_chat : Dialect::ollama_generate
                            : round % 4 == 1 ? Dialect::openai_chat
                                             : Dialect::openai_completions;
    std::string stream;
    for (std::size_t lines = 1 + random() % 8; lines > 0; --lines) stream += any_line(random, ollama);
    figures.begin_anew(dialect);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t count = 1 + random() % 200;
      figures.feed(std::string_view(stream).substr(at, count));
      at += count;
    }
    figures.finish();
    const AnswerAssembler whole = fed(dialect, stream);
    SCOPED_TRACE(stream);
    ASSERT_EQ(figures.state(), whole.state());
    ASSERT_EQ(figures.problem(), whole.problem());
    ASSERT_EQ(figures.error_status(), whole.error_status());
    ASSERT_EQ(figures.any_text(), whole.any_text());
    ASSERT_EQ(figures.answer().finish_reason, whole.answer().finish_reason);
    ASSERT_EQ(figures.figures().prompt_tokens, whole.figures().prompt_tokens);
    ASSERT_EQ(figures.figures().generated_tokens, whole.figures().generated_tokens);
    ASSERT_EQ(figures.figures().cached_tokens, whole.figures().cached_tokens);
    ASSERT_EQ(figures.figures().prompt_time, whole.figures().prompt_time);
    ASSERT_EQ(figures.figures().generation_time, whole.figures().generation_time);
    ASSERT_EQ(figures.figures().load_time, whole.figures().load_time);
    ASSERT_EQ(figures.figures().total_time, whole.figures().total_time);
  }
}

TEST(Assemble, OfAPassingChatALongLineIsSkippedAndTheFiguresStillCome) {
  AnswerAssembler assembler(Dialect::ollama_chat, Keep::figures, {1024});
  for (int i = 0; i < 100; ++i) assembler.feed(std::string(100, 'x'));
  assembler.feed("\n");
  assembler.feed(ollama_title);
  EXPECT_EQ(assembler.state(), StreamState::complete);
  EXPECT_EQ(assembler.figures().prompt_tokens, 10u);
}

TEST(Assemble, AnErrorLineInMidStreamFailsWithItsText) {
  const AnswerAssembler assembler =
      fed(Dialect::ollama_chat,
          R"({"model":"smol","message":{"role":"assistant","content":"The"},"done":false}
{"error":"an error was encountered while running the model: unexpected EOF"}
)");
  EXPECT_EQ(assembler.state(), StreamState::failed);
  EXPECT_EQ(assembler.problem(), "an error was encountered while running the model: unexpected EOF");
}

TEST(Assemble, AnErrorEventFailsWithItsText) {
  for (const std::string_view event :
       {R"(data: {"error":{"code":500,"message":"context shift is off","type":"server_error"}})",
        R"(error: {"code":500,"message":"context shift is off","type":"server_error"})",
        R"(data: {"error":"context shift is off"})"}) {
    AnswerAssembler fresh(Dialect::openai_chat);
    fresh.feed(std::string(event) + "\n\n");
    fresh.finish();
    EXPECT_EQ(fresh.state(), StreamState::failed) << event;
    EXPECT_EQ(fresh.problem(), "context shift is off") << event;
  }
}

TEST(Assemble, OllamasRunnerThatDiesBehindItsV1PathIsAFailure) {
  const AnswerAssembler assembler = fed(
      Dialect::openai_chat,
      R"(data: {"id":"chatcmpl-244","object":"chat.completion.chunk","created":1,"model":"smol","choices":[{"index":0,"delta":{"role":"assistant","content":"the"},"finish_reason":null}]}

data: {"id":"chatcmpl-244","object":"chat.completion.chunk","created":1,"model":"","choices":[{"index":0,"delta":{},"finish_reason":null}]}

)");
  EXPECT_EQ(assembler.state(), StreamState::failed);
}

TEST(Assemble, OllamasStopAfterEqualTokensIsCutAndRendersAsOllamaDoes) {
  const AnswerAssembler assembler =
      fed(Dialect::ollama_chat,
          R"({"model":"smol","created_at":"t1","message":{"role":"assistant","content":"ha"},"done":false}
{"model":"smol","created_at":"t2","message":{"role":"assistant","content":"ha"},"done":false}
)");
  EXPECT_EQ(assembler.state(), StreamState::cut);
  EXPECT_EQ(
      render(assembler.answer(), {Dialect::ollama_chat, false, false, "smol"}).body,
      R"({"model":"smol","created_at":"t2","message":{"role":"assistant","content":"haha"},"done":false})");
}

TEST(Assemble, AnEmptyBodyIsCutAndGarbageFails) {
  EXPECT_EQ(fed(Dialect::ollama_chat, "").state(), StreamState::cut);
  EXPECT_EQ(fed(Dialect::openai_chat, "").state(), StreamState::cut);
  EXPECT_EQ(fed(Dialect::ollama_chat, "<html>\n").state(), StreamState::failed);
  EXPECT_EQ(fed(Dialect::openai_chat, "data: <html>\n").state(), StreamState::failed);
  EXPECT_EQ(fed(Dialect::ollama_chat, std::string(100000, '[') + "\n").state(), StreamState::failed);
}

TEST(Assemble, MangledStreamsEndInSomeStateAndStillRender) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  std::size_t failed = 0;
  for (int round = 0; round < 2000; ++round) {
    const bool ollama = round % 2 == 0;
    const Dialect dialect = ollama ? Dialect::ollama_chat : Dialect::openai_chat;
    std::string stream(ollama ? ollama_title : llama_title);
    for (std::size_t i = 0; i <= below(4); ++i) {
      const std::size_t at = below(stream.size());
      if (below(2) == 0)
        stream[at] = static_cast<char>(below(256));
      else
        stream.erase(at, below(40));
    }
    AnswerAssembler assembler(dialect);
    assembler.feed(stream);
    assembler.finish();
    EXPECT_NE(assembler.state(), StreamState::open);
    EXPECT_EQ(assembler.state() == StreamState::failed, !assembler.problem().empty());
    failed += assembler.state() == StreamState::failed ? 1 : 0;
    const LocalAnswer answer = render(assembler.answer(), {dialect, round % 3 == 0, true, "m"});
    EXPECT_FALSE(answer.body.empty());
  }
  EXPECT_GT(failed, 500u);
}

TEST(Assemble, PastTheLimitItFailsAndHoldsNoMore) {
  AnswerAssembler assembler(Dialect::ollama_chat, Keep::raw, {4096});
  for (int i = 0; i < 1000; ++i)
    assembler.feed(R"({"model":"m","message":{"role":"assistant","content":"word "},"done":false})"
                   "\n");
  EXPECT_EQ(assembler.state(), StreamState::failed);
  EXPECT_EQ(assembler.problem(), "the answer is larger than the limit");
  EXPECT_LE(assembler.raw().size(), 4096u);
}

TEST(Assemble, AServerThatSendsOneObjectInsteadOfAStreamIsUnderstood) {
  const AnswerAssembler assembler =
      fed(Dialect::openai_chat,
          "{\n  \"id\":\"x\",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\n  "
          "\"choices\":[{\"index\":0,"
          "\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"
          "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}");
  ASSERT_EQ(assembler.state(), StreamState::complete);
  EXPECT_EQ(assembler.answer().content, "hi");
  EXPECT_EQ(assembler.figures().prompt_tokens, 1u);
  EXPECT_EQ(fed(Dialect::openai_chat, R"({"error":{"message":"no","code":400}})").problem(), "no");
}

// As Python reads and writes them.
TEST(Assemble, FiguresThatNoNumberHoldsAreNoneAndTheAnswerStands) {
  for (const std::string figure : {"1e999", "-1e999", "NaN", "Infinity", "-Infinity"}) {
    const AnswerAssembler all = fed(
        Dialect::ollama_chat,
        R"({"model":"m","message":{"role":"assistant","content":"NaN of 1e999 \"NaN\", 12"},"done":true,"eval_count":3,)"
        R"("prompt_eval_duration":)" +
            figure + "}\n");
    EXPECT_EQ(all.state(), StreamState::complete) << all.problem();
    EXPECT_EQ(all.answer().content, "NaN of 1e999 \"NaN\", 12");
    EXPECT_EQ(all.figures().generated_tokens, 3u);
    EXPECT_FALSE(all.figures().prompt_time);
  }
}

TEST(Assemble, GenerateAndCompletionsAreGivenBackToo) {
  const AnswerAssembler generate = fed(Dialect::ollama_generate,
                                       R"({"model":"smol","created_at":"t","response":"In","done":false}
{"model":"smol","created_at":"t","response":" an","done":false}
{"model":"smol","created_at":"t","response":"","done":true,"done_reason":"length","context":[1,4093],"eval_count":2}
)");
  EXPECT_EQ(
      render(generate.answer(), {Dialect::ollama_generate, false, false, "g"}).body,
      R"({"model":"g","created_at":"t","response":"In an","done":true,"done_reason":"length","context":[1,4093],"eval_count":2})");
  const AnswerAssembler completions = fed(
      Dialect::openai_completions,
      R"(data: {"id":"cmpl-970","object":"text_completion","created":1,"choices":[{"text":"When","index":0,"finish_reason":null}],"model":"smol","usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}

data: {"id":"cmpl-970","object":"text_completion","created":1,"choices":[{"text":"","index":0,"finish_reason":"length"}],"model":"smol","usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}

data: {"id":"cmpl-970","object":"text_completion","created":1,"choices":[],"model":"smol","usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}

data: [DONE]

)");
  const json answer = rendered(completions, {Dialect::openai_completions, false, false, "c"});
  EXPECT_EQ(answer.at("choices"),
            json::parse(R"([{"text":"When","index":0,"logprobs":null,"finish_reason":"length"}])"));
  EXPECT_EQ(answer.at("usage").at("prompt_tokens"), 10);
  EXPECT_EQ(answer.at("model"), "c");
}

TEST(Assemble, ThinkingComesBackUnderTheNameThatTheServerUses) {
  const AnswerAssembler ollama = fed(
      Dialect::ollama_chat,
      R"({"model":"q","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}
{"model":"q","created_at":"t","message":{"role":"assistant","content":"ok"},"done":true,"done_reason":"stop"}
)");
  EXPECT_EQ(rendered(ollama, {Dialect::ollama_chat, false, false, "q"}).at("message"),
            json::parse(R"({"role":"assistant","content":"ok","thinking":"hm"})"));
  for (const std::string field : {"reasoning_content", "reasoning"}) {
    const AnswerAssembler openai =
        fed(Dialect::openai_chat, R"(data: {"model":"q","choices":[{"index":0,"delta":{")" + field +
                                      R"(":"hm"}}]}
data: {"model":"q","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}
data: [DONE]
)");
    const json message =
        rendered(openai, {Dialect::openai_chat, false, false, "q"}).at("choices")[0].at("message");
    EXPECT_EQ(message.at(field), "hm");
  }
}

TEST(Assemble, ToolCallsInPiecesAreJoinedByTheirIndex) {
  const AnswerAssembler assembler = fed(
      Dialect::openai_chat,
      R"(data: {"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"get_weather","arguments":"{\"ci"}}]}}]}
data: {"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"get_time","arguments":"{}"}}]}}]}
data: {"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ty\":\"Gent\"}"}}]}}]}
data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}
data: [DONE]
)");
  const json choice = rendered(assembler, {Dialect::openai_chat, false, false, "m"}).at("choices")[0];
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  EXPECT_EQ(choice.at("message").at("tool_calls"), json::parse(R"([
      {"id":"a","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Gent\"}"}},
      {"id":"b","type":"function","function":{"name":"get_time","arguments":"{}"}}])"));
  const AnswerAssembler ollama = fed(
      Dialect::ollama_chat,
      R"({"model":"m","created_at":"t","message":{"role":"assistant","content":"","tool_calls":[{"id":"a","function":{"index":0,"name":"f","arguments":{"x":1}}}]},"done":false}
{"model":"m","created_at":"t","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}
)");
  EXPECT_EQ(rendered(ollama, {Dialect::ollama_chat, false, false, "m"}).at("message").at("tool_calls"),
            json::parse(R"([{"function":{"index":0,"name":"f","arguments":{"x":1}},"id":"a"}])"));
}

TEST(Assemble, AnAssembledAnswerStreamedAgainAssemblesToTheSame) {
  for (const auto& [dialect, stream] :
       {std::pair{Dialect::ollama_chat, ollama_title}, std::pair{Dialect::openai_chat, llama_title}}) {
    const Answer first = fed(dialect, stream).answer();
    const LocalAnswer again = render(first, {dialect, true, true, "m"});
    EXPECT_EQ(again.content_type,
              dialect == Dialect::ollama_chat ? "application/x-ndjson" : "text/event-stream");
    const AnswerAssembler second = fed(dialect, again.body);
    ASSERT_EQ(second.state(), StreamState::complete);
    const AnswerForm form{dialect, false, false, "m"};
    EXPECT_EQ(json::parse(render(second.answer(), form).body), json::parse(render(first, form).body));
  }
}

TEST(Assemble, UsageIsStreamedOnlyToAClientThatAskedForItInAChunkOfItsOwn) {
  const Answer answer = fed(Dialect::openai_chat, llama_title).answer();
  const std::string without = render(answer, {Dialect::openai_chat, true, false, "m"}).body;
  EXPECT_THAT(without, testing::Not(testing::HasSubstr("\"usage\"")));
  EXPECT_THAT(without, testing::HasSubstr("\"timings\"")) << "llama-server sends them to everybody";
  const std::string with = render(answer, {Dialect::openai_chat, true, true, "m"}).body;
  const std::size_t usage = with.find("\"usage\"");
  ASSERT_NE(usage, std::string::npos);
  EXPECT_EQ(with.find("\"usage\"", usage + 1), std::string::npos) << "once";
  const std::size_t chunk = with.rfind("data: ", usage);
  EXPECT_EQ(json::parse(with.substr(chunk + 6, with.find('\n', chunk) - chunk - 6)).at("choices"),
            json::array());
}

TEST(Assemble, WhatItDoesNotKnowOfTheChoiceAndItsMessageIsKept) {
  const std::string stream =
      R"(data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null,"annotations":[{"a":1}]},"logprobs":null,"finish_reason":null}]}

data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Rice","refusal":"No, "},"logprobs":null,"finish_reason":null}]}

data: {"id":"c","model":"m","service_tier":"default","choices":[{"index":0,"delta":{"refusal":"never","annotations":[{"b":2}]},"finish_reason":"stop","stop_reason":128001}]}

data: [DONE]

)";
  const AnswerAssembler assembler = fed(Dialect::openai_chat, stream);
  const json whole = rendered(assembler, {Dialect::openai_chat, false, false, "m"});
  EXPECT_EQ(whole.at("service_tier"), "default");
  const json& choice = whole.at("choices")[0];
  EXPECT_EQ(choice.at("stop_reason"), 128001);
  EXPECT_TRUE(choice.at("logprobs").is_null());
  EXPECT_EQ(choice.at("message"), json::parse(R"({"role":"assistant","content":"Rice","refusal":"No, never",
                                                  "annotations":[{"a":1},{"b":2}]})"));
  const std::string events = render(assembler.answer(), {Dialect::openai_chat, true, false, "m"}).body;
  EXPECT_NE(events.find(R"("stop_reason":128001)"), std::string::npos);
  const json ollama = rendered(assembler, {Dialect::ollama_chat, false, false, "m"});
  EXPECT_FALSE(ollama.at("message").contains("refusal")) << "another dialect has no such field";
}

TEST(Assemble, WhatItDoesNotKnowOfOllamasMessageIsKept) {
  const AnswerAssembler assembler = fed(
      Dialect::ollama_chat,
      R"({"model":"m","message":{"role":"assistant","content":"Rice","own":1},"done":true,"done_reason":"stop","more":2})");
  const json whole = rendered(assembler, {Dialect::ollama_chat, false, false, "m"});
  EXPECT_EQ(whole.at("message").at("own"), 1);
  EXPECT_EQ(whole.at("more"), 2);
}

}  // namespace
}  // namespace tasklane
