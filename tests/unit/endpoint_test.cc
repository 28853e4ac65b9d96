// What a request line asks for.
#include "shaper/dialect/endpoint.h"

#include <gtest/gtest.h>

namespace tasklane {
namespace {

TEST(EndpointOf, APostToAGenerationPathSpeaksThatPathsDialect) {
  const auto dialect = [](const char* target) {
    const Endpoint endpoint = endpoint_of("POST", target);
    return endpoint.kind == EndpointKind::generation ? endpoint.dialect : Dialect::none;
  };
  EXPECT_EQ(dialect("/api/chat"), Dialect::ollama_chat);
  EXPECT_EQ(dialect("/api/generate"), Dialect::ollama_generate);
  EXPECT_EQ(dialect("/v1/chat/completions"), Dialect::openai_chat);
  EXPECT_EQ(dialect("/chat/completions"), Dialect::openai_chat);
  EXPECT_EQ(dialect("/v1/completions"), Dialect::openai_completions);
  EXPECT_EQ(dialect("/completions"), Dialect::openai_completions);
  EXPECT_EQ(dialect("/api/chat?a=/v1/completions"), Dialect::ollama_chat);
  EXPECT_EQ(dialect("http://localhost:11434/api/chat"), Dialect::ollama_chat);
}

TEST(EndpointOf, APathIsKnownByItsEndBehindAnyBase) {
  const auto dialect = [](const char* target) { return endpoint_of("POST", target).dialect; };
  for (const char* target : {"/engines/v1/chat/completions", "/api/chat/completions", "/v1//chat/completions",
                             "/v1/chat/completions/", "/openai/deployments/m/chat/completions?v=1"})
    EXPECT_EQ(dialect(target), Dialect::openai_chat) << target;
  for (const char* target : {"/ollama/api/chat", "//api/chat", "/olla/ollama/api/chat/"})
    EXPECT_EQ(dialect(target), Dialect::ollama_chat) << target;
  EXPECT_EQ(dialect("/v1/responses"), Dialect::openai_responses);
  EXPECT_EQ(dialect("/v1/messages"), Dialect::anthropic_messages);
  EXPECT_EQ(dialect("/x/v1/completions"), Dialect::openai_completions);
}

TEST(EndpointOf, EveryPostThatIsNotKnownMayGenerate) {
  for (const char* target :
       {"/completion", "/infill", "/api/v1/chat", "/v1/audio/transcriptions", "/api/chats", "/API/CHAT",
        "/x?/api/chat", "/invocations", "/v1/images/generations"})
    EXPECT_TRUE(may_generate(endpoint_of("POST", target))) << target;
  for (const char* target : {"/tokenize", "/apply-template", "/slots/0?action=save", "/v1/rerank",
                             "/api/pull", "/models/unload", "/v1/messages/count_tokens", "/proxy/api/embed"})
    EXPECT_FALSE(may_generate(endpoint_of("POST", target))) << target;
}

TEST(EndpointOf, OtherMethodsAskForNoGeneration) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "PUT", "post"})
    EXPECT_EQ(endpoint_of(method, "/api/chat").kind, EndpointKind::other) << method;
  for (const char* target : {"*", "", "host:443"})
    EXPECT_EQ(endpoint_of("POST", target).kind, EndpointKind::other) << target;
}

TEST(EndpointOf, EmbeddingsAndModelManagementAreKnownByPath) {
  for (const char* target : {"/api/embed", "/api/embeddings", "/v1/embeddings", "/embedding"})
    EXPECT_EQ(endpoint_of("POST", target).kind, EndpointKind::embedding) << target;
  for (const char* target : {"/api/tags", "/api/version", "/api/ps", "/v1/models", "/v1/models/x", "/health",
                             "/slots", "/props", "/", "/api/blobs/sha256:1"})
    EXPECT_EQ(endpoint_of("GET", target).kind, EndpointKind::admin) << target;
  EXPECT_EQ(endpoint_of("POST", "/api/show").kind, EndpointKind::admin);
  EXPECT_EQ(endpoint_of("DELETE", "/api/delete").kind, EndpointKind::admin);
}

TEST(PathOf, SchemeAuthorityAndQueryAreNoPartOfThePath) {
  EXPECT_EQ(path_of("/a/b?c=d"), "/a/b");
  EXPECT_EQ(path_of("http://host:1/a?b"), "/a");
  EXPECT_EQ(path_of("http://host:1"), "/");
  EXPECT_EQ(path_of("/go?to=http://host/x"), "/go");
  EXPECT_EQ(path_of("host:443"), "host:443");
}

TEST(AnEndpoint, ThatUnloadsModelsIsKnown) {
  for (const char* path :
       {"/models/unload", "/v1/model/unload", "/api/v1/models/unload", "/unload", "/sleep?level=1"})
    EXPECT_TRUE(unloads_models("POST", path)) << path;
  EXPECT_TRUE(unloads_models("GET", "/unload"));
  EXPECT_EQ(endpoint_of("POST", "/unload").kind, EndpointKind::admin);
  for (const char* path : {"/models/load", "/unload_lora_adapter", "/api/generate", "/v1/sleepy"})
    EXPECT_FALSE(unloads_models("POST", path)) << path;
}

}  // namespace
}  // namespace tasklane
