// A task for the chat's own model carries the chat's load options, so that Ollama does not load it twice.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/server/align.h"

namespace tasklane {
namespace {

using nlohmann::json;

json aligned(std::string_view task, std::string_view chat) {
  const auto options = load_options_of(chat, Dialect::ollama_chat);
  const auto result = align(task, Dialect::ollama_chat, *options);
  return result && *result ? json::parse(**result) : json();
}

TEST(Align, TheLoadOptionsOfAChatAreRead) {
  const auto options = load_options_of(
      R"({"model":"m","options":{"num_ctx":8192.0,"num_batch":512,"num_gpu":-1,"num_thread":2,"main_gpu":1,
          "draft_num_predict":3,"use_mmap":true,"use_mlock":false,"temperature":0.7},"shift":false,
          "keep_alive":"30m"})",
      Dialect::ollama_chat);
  ASSERT_TRUE(options);
  EXPECT_EQ(*options, (LoadOptions{8192, 512, -1, 2, 1, 3, true, false, false, "\"30m\""}));
}

TEST(Align, EachLoadOptionIsPutIntoATaskThatLacksIt) {
  for (const std::string option :
       {R"("num_ctx":8192)", R"("num_batch":512)", R"("num_gpu":99)", R"("num_thread":2)", R"("main_gpu":0)",
        R"("draft_num_predict":4)", R"("use_mmap":true)", R"("use_mlock":true)"}) {
    EXPECT_EQ(aligned(R"({"model":"m","options":{"num_predict":50}})", R"({"options":{)" + option + "}}"),
              json::parse(R"({"model":"m","options":{"num_predict":50,)" + option + "}}"))
        << option;
    EXPECT_EQ(aligned(R"({"model":"m"})", R"({"options":{)" + option + "}}"),
              json::parse(R"({"model":"m","options":{)" + option + "}}"))
        << option;
    EXPECT_EQ(aligned(R"({"model":"m","options":{"num_predict":50,)" + option + "}}", R"({"options":{}})"),
              json::parse(R"({"model":"m","options":{"num_predict":50}})"))
        << option;
  }
}

TEST(Align, ATasksOwnLoadOptionsGiveWay) {
  EXPECT_EQ(
      aligned(R"({"model":"m","options":{"num_ctx":2048,"temperature":0.1},"shift":true,"keep_alive":0})",
              R"({"options":{"num_ctx":8192,"temperature":0.9},"shift":false,"keep_alive":"24h"})"),
      json::parse(
          R"({"model":"m","options":{"num_ctx":8192,"temperature":0.1},"shift":false,"keep_alive":"24h"})"));
  EXPECT_EQ(
      aligned(R"({"model":"m","options":{"num_ctx":2048},"shift":true,"keep_alive":0})", R"({"model":"m"})"),
      json::parse(R"({"model":"m"})"));
}

TEST(Align, NothingChangesWhereTheyAgreeOrWhereTheDialectHasNone) {
  const LoadOptions chat =
      *load_options_of(R"({"options":{"num_ctx":8192,"top_k":3}})", Dialect::ollama_chat);
  EXPECT_FALSE(*align(R"({"options":{"num_ctx":8192.0,"seed":1}})", Dialect::ollama_chat, chat));
  EXPECT_FALSE(*align(R"({"max_tokens":5})", Dialect::openai_chat, chat));
  EXPECT_EQ(*load_options_of(R"({"options":{"num_ctx":8192}})", Dialect::openai_chat), LoadOptions{});
}

TEST(Align, ABrokenBodyIsAnError) {
  EXPECT_TRUE(load_options_of("no", Dialect::ollama_chat).has_error());
  EXPECT_TRUE(align("no", Dialect::ollama_chat, {}).has_error());
}

}  // namespace
}  // namespace tasklane
