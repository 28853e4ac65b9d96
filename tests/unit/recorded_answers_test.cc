// What vLLM and SGLang answer, in the shapes that their references and sources give, read as any other's.
//
// vLLM: its documentation's "OpenAI-Compatible Server" and ErrorResponse, ChatCompletionResponse and
// ChatCompletionStreamResponse of its vllm/entrypoints/openai/protocol.py. SGLang: its documentation's
// "OpenAI APIs - Completions" and python/sglang/srt/entrypoints/openai/protocol.py. The words are the tests'.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shaper/dialect/assemble.h"
#include "shaper/server/residency.h"

namespace tasklane {
namespace {

struct Recorded {
  std::string name;
  std::string body;
  std::string content;
  std::string thinking;
};

const std::string vllm_whole =
    R"({"id":"chatcmpl-7f","object":"chat.completion","created":1764300000,"model":"m","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"{\"title\": \"Rice\"}","refusal":null,"annotations":null,)"
    R"("audio":null,"function_call":null,"tool_calls":[],"reasoning_content":null},"logprobs":null,)"
    R"("finish_reason":"stop","stop_reason":null,"token_ids":null}],"service_tier":null,)"
    R"("system_fingerprint":null,"usage":{"prompt_tokens":120,"total_tokens":127,"completion_tokens":7,)"
    R"("prompt_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"kv_transfer_params":null})";

const std::string vllm_stream =
    "data: "
    R"({"id":"chatcmpl-7f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[)"
    R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],)"
    R"("prompt_token_ids":null})"
    "\n\ndata: "
    R"({"id":"chatcmpl-7f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[)"
    R"({"index":0,"delta":{"reasoning_content":"A dish."},"logprobs":null,"finish_reason":null,)"
    R"("token_ids":null}]})"
    "\n\ndata: "
    R"({"id":"chatcmpl-7f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[)"
    R"({"index":0,"delta":{"content":"{\"title\": \"Rice\"}"},"logprobs":null,"finish_reason":"stop",)"
    R"("stop_reason":null,"token_ids":null}]})"
    "\n\ndata: "
    R"({"id":"chatcmpl-7f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[],)"
    R"("usage":{"prompt_tokens":120,"total_tokens":127,"completion_tokens":7}})"
    "\n\ndata: [DONE]\n\n";

const std::string sglang_whole =
    R"({"id":"5e3f","object":"chat.completion","created":1764300000,"model":"m","choices":[{"index":0,)"
    R"("message":{"role":"assistant","content":"{\"title\": \"Rice\"}","reasoning_content":null,)"
    R"("tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":151645}],)"
    R"("usage":{"prompt_tokens":120,"total_tokens":127,"completion_tokens":7,"prompt_tokens_details":null,)"
    R"("reasoning_tokens":0},"metadata":{"weight_version":"default"}})";

const std::string sglang_stream =
    "data: "
    R"({"id":"5e3f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[)"
    R"({"index":0,"delta":{"role":"assistant","content":"","reasoning_content":null,"tool_calls":null},)"
    R"("logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null})"
    "\n\ndata: "
    R"({"id":"5e3f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[)"
    R"({"index":0,"delta":{"role":null,"content":"{\"title\": \"Rice\"}","reasoning_content":null,)"
    R"("tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null})"
    "\n\ndata: "
    R"({"id":"5e3f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[)"
    R"({"index":0,"delta":{"role":null,"content":null,"reasoning_content":null,"tool_calls":null},)"
    R"("logprobs":null,"finish_reason":"stop","matched_stop":151645}],"usage":null})"
    "\n\ndata: "
    R"({"id":"5e3f","object":"chat.completion.chunk","created":1764300000,"model":"m","choices":[],)"
    R"("usage":{"prompt_tokens":120,"total_tokens":127,"completion_tokens":7,"prompt_tokens_details":null}})"
    "\n\ndata: [DONE]\n\n";

class RecordedAnswer : public testing::TestWithParam<Recorded> {};

TEST_P(RecordedAnswer, IsReadInWhateverPiecesItComes) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{37}, GetParam().body.size()}) {
    AnswerAssembler assembler(Dialect::openai_chat);
    for (std::size_t at = 0; at < GetParam().body.size(); at += piece)
      assembler.feed(std::string_view(GetParam().body).substr(at, piece));
    assembler.finish();
    ASSERT_EQ(StreamState::complete, assembler.state()) << assembler.problem();
    EXPECT_EQ(GetParam().content, assembler.answer().content);
    EXPECT_EQ(GetParam().thinking, assembler.answer().thinking);
    EXPECT_EQ("stop", assembler.answer().finish_reason);
    EXPECT_EQ(120U, assembler.figures().prompt_tokens);
    EXPECT_EQ(7U, assembler.figures().generated_tokens);
    EXPECT_TRUE(assembler.answer().tool_calls.empty());
    EXPECT_EQ("", assembler.error_words());
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, RecordedAnswer,
                         testing::Values(Recorded{"VllmWhole", vllm_whole, R"({"title": "Rice"})", ""},
                                         Recorded{"VllmStream", vllm_stream, R"({"title": "Rice"})",
                                                  "A dish."},
                                         Recorded{"SglangWhole", sglang_whole, R"({"title": "Rice"})", ""},
                                         Recorded{"SglangStream", sglang_stream, R"({"title": "Rice"})", ""}),
                         [](const auto& each) { return each.param.name; });

// Some of them with status 200, in a stream that has begun.
TEST(RecordedErrors, AreNoAnswers) {
  const std::vector<std::string> errors{
      R"({"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404})",
      R"({"error":{"message":"This model's maximum context length is 8192 tokens.","type":"BadRequestError","param":null,"code":400}})",
      R"({"object":"error","message":"Using priority is disabled for this server.","type":"Service Unavailable","param":null,"code":503})"};
  for (const std::string& error : errors)
    for (const std::string& body : {error, "data: " + error + "\n\ndata: [DONE]\n\n"}) {
      AnswerAssembler assembler(Dialect::openai_chat);
      assembler.feed(body);
      assembler.finish();
      EXPECT_EQ(StreamState::failed, assembler.state()) << body;
      EXPECT_FALSE(assembler.any_text());
      EXPECT_NE("", assembler.error_words()) << body;
    }
}

TEST(RecordedModels, OfServersWithOneModelAreAlwaysLoaded) {
  for (const char* owner : {"vllm", "sglang"}) {
    const auto models = resident_models_in(
        "/models",
        R"({"object":"list","data":[{"id":"m","object":"model","created":1764300000,"owned_by":")" +
            std::string(owner) + R"(","root":"m","parent":null,"max_model_len":8192,"permission":[]}]})");
    ASSERT_TRUE(models.has_value());
    EXPECT_TRUE(models->all);
  }
}

}  // namespace
}  // namespace tasklane
