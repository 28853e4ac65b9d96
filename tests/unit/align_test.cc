// A task for the chat's own model carries the chat's load options, so that Ollama does not load it twice.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/body.h"
#include "shaper/dialect/json_body.h"
#include "shaper/server/align.h"

namespace tasklane {
namespace {

using nlohmann::json;

LoadOptions load_options_of(std::string_view body, Dialect dialect) {
  BodyReader reader;
  return reader.read(body, dialect).load_options;
}

// The task's body afterwards; null where nothing was changed.
json aligned(std::string_view task, const LoadOptions& chat, Dialect dialect = Dialect::ollama_chat) {
  OrderedJson body = OrderedJson::parse(task);
  return align(body, dialect, chat) ? json::parse(body.dump()) : json();
}
json aligned(std::string_view task, std::string_view chat) {
  return aligned(task, load_options_of(chat, Dialect::ollama_chat));
}

TEST(Align, TheLoadOptionsOfAChatAreRead) {
  const auto options = load_options_of(
      R"({"model":"m","options":{"num_ctx":8192.0,"num_batch":512,"num_gpu":-1,"num_thread":2,"main_gpu":1,
          "draft_num_predict":3,"use_mmap":true,"use_mlock":false,"temperature":0.7},"shift":false,
          "keep_alive":"30m"})",
      Dialect::ollama_chat);
  EXPECT_EQ(options, (LoadOptions{8192, 512, -1, 2, 1, 3, true, false, false, "\"30m\""}));
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
  const LoadOptions chat = load_options_of(R"({"options":{"num_ctx":8192,"top_k":3}})", Dialect::ollama_chat);
  EXPECT_TRUE(aligned(R"({"options":{"num_ctx":8192.0,"seed":1}})", chat).is_null());
  EXPECT_TRUE(aligned(R"({"max_tokens":5})", chat, Dialect::openai_chat).is_null());
  EXPECT_EQ(load_options_of(R"({"options":{"num_ctx":8192}})", Dialect::openai_chat), LoadOptions{});
}

TEST(Align, OfOptionsThatStandTwiceTheLastCountAndAWrongTypeIsNone) {
  const LoadOptions twice = load_options_of(
      R"({"options":{"num_ctx":1,"num_gpu":2},"options":{"num_ctx":8192,"num_thread":"two","use_mmap":1},
          "keep_alive":-1 ,"shift":null})",
      Dialect::ollama_chat);
  LoadOptions expected;
  expected.num_ctx = 8192;
  expected.keep_alive = "-1";
  EXPECT_EQ(twice, expected);
}

}  // namespace
}  // namespace tasklane
