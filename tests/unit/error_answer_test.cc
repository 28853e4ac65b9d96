// What a client is told when its request fails at Tasklane: in the words of its own dialect.
#include "shaper/dialect/error_answer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace tasklane {
namespace {

using Json = nlohmann::json;

TEST(ErrorAnswer, AnOllamaClientGetsOllamasObject) {
  for (const Dialect dialect : {Dialect::ollama_chat, Dialect::ollama_generate}) {
    const LocalAnswer answer = error_answer(dialect, "/api/chat", 502, "no upstream answers");
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.content_type, "application/json");
    EXPECT_EQ(Json::parse(answer.body), Json({{"error", "no upstream answers"}}));
  }
}

TEST(ErrorAnswer, AnOpenAiClientGetsOpenAisObject) {
  const auto type = [](int status) {
    const Json body =
        Json::parse(error_answer(Dialect::openai_chat, "/chat/completions", status, "why").body);
    EXPECT_EQ(body["error"]["message"], "why");
    EXPECT_EQ(body["error"]["code"], status);
    return body["error"]["type"].get<std::string>();
  };
  EXPECT_EQ(type(400), "invalid_request_error");
  EXPECT_EQ(type(413), "invalid_request_error");
  EXPECT_EQ(type(429), "rate_limit_error");
  EXPECT_EQ(type(502), "server_error");
}

TEST(ErrorAnswer, OnOtherPathsThePathTellsTheDialect) {
  EXPECT_TRUE(Json::parse(error_answer(Dialect::none, "/v1/models", 502, "x").body)["error"].is_object());
  EXPECT_TRUE(Json::parse(error_answer(Dialect::none, "/api/tags", 502, "x").body)["error"].is_string());
}

TEST(ErrorAnswer, AMessageWithQuotesAndBadBytesStaysJson) {
  const LocalAnswer answer = error_answer(Dialect::ollama_chat, "/api/chat", 400, "a \"b\" \xff");
  EXPECT_EQ(Json::parse(answer.body)["error"], "a \"b\" \xef\xbf\xbd");
}

TEST(ErrorAnswer, OnTheWireItHasALengthAndSaysWhetherTheConnectionLives) {
  const LocalAnswer answer{431, "application/json", "{}"};
  EXPECT_EQ(to_wire(answer, true),
            "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: "
            "application/json\r\nContent-Length: 2\r\n"
            "\r\n{}");
  EXPECT_EQ(to_wire(answer, false),
            "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: "
            "application/json\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\n{}");
}

TEST(ErrorAnswer, AHeadRequestGetsTheHeadAlone) {
  EXPECT_EQ(to_wire({400, "application/json", "{}"}, true, true),
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n");
}

}  // namespace
}  // namespace tasklane
