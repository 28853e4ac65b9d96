// An answer names the client's own model again; every other byte is the server's, however it is cut up.
#include "shaper/dialect/response_model.h"

#include <gtest/gtest.h>

#include <ostream>
#include <random>
#include <string>

namespace tasklane {
namespace {

std::string in_one_piece(AnswerFormat format, const std::string& answer, const std::string& model = "big") {
  ResponseModel transform(format, model);
  std::string out = transform.feed(answer);
  return out + transform.finish();
}

struct AnswerCase {
  const char* name;
  AnswerFormat format;
  std::string from;
  std::string to;
};
void PrintTo(const AnswerCase& c, std::ostream* out) { *out << c.name; }

class ModelInAnswer : public testing::TestWithParam<AnswerCase> {};

TEST_P(ModelInAnswer, IsReplacedAndNothingElse) {
  EXPECT_EQ(in_one_piece(GetParam().format, GetParam().from), GetParam().to);
}

TEST_P(ModelInAnswer, IsReplacedHoweverTheBytesAreCut) {
  std::mt19937 random(42);
  for (int round = 0; round < 200; ++round) {
    ResponseModel transform(GetParam().format, "big");
    std::string out;
    std::string_view rest = GetParam().from;
    const std::size_t longest = 1 + random() % 40;
    while (!rest.empty()) {
      const std::size_t size = std::min<std::size_t>(rest.size(), 1 + random() % longest);
      out += transform.feed(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    ASSERT_EQ(out + transform.finish(), GetParam().to) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Json, ModelInAnswer,
    testing::Values(
        AnswerCase{"Plain", AnswerFormat::json, R"({"model":"small","done":true})",
                   R"({"model":"big","done":true})"},
        AnswerCase{"WithSpace", AnswerFormat::json,
                   " {\n \"a\" : 1.50 , \"model\" :\t\"small\" , \"b\":[ ] }\r\n",
                   " {\n \"a\" : 1.50 , \"model\" :\t\"big\" , \"b\":[ ] }\r\n"},
        AnswerCase{"NestedKeysStay", AnswerFormat::json,
                   R"({"a":{"model":"small"},"b":[{"model":"small"}],"model":"small"})",
                   R"({"a":{"model":"small"},"b":[{"model":"small"}],"model":"big"})"},
        AnswerCase{"TextsThatLookLikeIt", AnswerFormat::json,
                   R"({"response":"{\"model\":\"small\"}, \"model\":\"x\"\\","model":"s\"m\\","c":"}"})",
                   R"({"response":"{\"model\":\"small\"}, \"model\":\"x\"\\","model":"big","c":"}"})"},
        AnswerCase{"ModelAsAValue", AnswerFormat::json, R"({"a":"model","b":"model"})",
                   R"({"a":"model","b":"model"})"},
        AnswerCase{"NoText", AnswerFormat::json, R"({"model":null,"x":{"model":1}})",
                   R"({"model":null,"x":{"model":1}})"},
        AnswerCase{"OfTwoTheLast", AnswerFormat::json, R"({"model":"a","model":"b"})",
                   R"({"model":"a","model":"big"})"},
        AnswerCase{"NoObject", AnswerFormat::json, R"([{"model":"a"}])", R"([{"model":"a"}])"},
        AnswerCase{"CutOff", AnswerFormat::json, R"({"a":"x","model":"sma)", R"({"a":"x","model":"sma)"},
        AnswerCase{"CutOffBehindABackslash", AnswerFormat::json, "{\"a\":\"\\", "{\"a\":\"\\"},
        AnswerCase{"Html", AnswerFormat::json, "<html>\"model\":\"a\"</html>",
                   "<html>\"model\":\"a\"</html>"},
        AnswerCase{"OverSeveralLines", AnswerFormat::json, "{\n\"model\":\n\"small\"\n}\n",
                   "{\n\"model\":\n\"big\"\n}\n"}));

INSTANTIATE_TEST_SUITE_P(
    Ndjson, ModelInAnswer,
    testing::Values(
        AnswerCase{"Lines", AnswerFormat::ndjson,
                   "{\"model\":\"small\",\"response\":\"a\\n\"}\n{\"model\":\"small\",\"done\":true}\n",
                   "{\"model\":\"big\",\"response\":\"a\\n\"}\n{\"model\":\"big\",\"done\":true}\n"},
        AnswerCase{"CarriageReturnsAndEmptyLines", AnswerFormat::ndjson, "\r\n\n{\"model\":\"s\"}\r\n\r\n",
                   "\r\n\n{\"model\":\"big\"}\r\n\r\n"},
        AnswerCase{"LastLineWithoutItsEnd", AnswerFormat::ndjson, "{\"model\":\"s\"}\n{\"model\":\"s\"}",
                   "{\"model\":\"big\"}\n{\"model\":\"big\"}"},
        AnswerCase{"ALineThatIsNoJson", AnswerFormat::ndjson, "oops {\"model\":\"s\"}\n{\"model\":\"s\"}\n",
                   "oops {\"model\":\"s\"}\n{\"model\":\"big\"}\n"}));

INSTANTIATE_TEST_SUITE_P(
    Sse, ModelInAnswer,
    testing::Values(
        AnswerCase{
            "Events", AnswerFormat::sse,
            "data: {\"model\":\"small\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
            "data: {\"model\":\"big\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n"},
        AnswerCase{"WithoutSpace", AnswerFormat::sse, "data:{\"model\":\"s\"}\n\n",
                   "data:{\"model\":\"big\"}\n\n"},
        AnswerCase{"CarriageReturns", AnswerFormat::sse,
                   "data: {\"model\":\"s\"}\r\n\r\ndata: [DONE]\r\n\r\n",
                   "data: {\"model\":\"big\"}\r\n\r\ndata: [DONE]\r\n\r\n"},
        AnswerCase{"CommentsAndOtherFields", AnswerFormat::sse,
                   ": {\"model\":\"s\"}\nevent: {\"model\":\"s\"}\nid: 1\ndata: {\"model\":\"s\"}\n\n",
                   ": {\"model\":\"s\"}\nevent: {\"model\":\"s\"}\nid: 1\ndata: {\"model\":\"big\"}\n\n"},
        AnswerCase{"ErrorInTheStream", AnswerFormat::sse,
                   "error: {\"model\":\"s\"}\n\ndata: {\"error\":{\"code\":500}}\n\n",
                   "error: {\"model\":\"s\"}\n\ndata: {\"error\":{\"code\":500}}\n\n"}));

TEST(ResponseModel, TheClientsNameIsWrittenAsJson) {
  EXPECT_EQ(in_one_piece(AnswerFormat::json, R"({"model":"s"})", "a\"b\\ü"), R"({"model":"a\"b\\ü"})");
}

TEST(ResponseModel, EachLineGoesOnAsSoonAsItIsWhole) {
  ResponseModel transform(AnswerFormat::ndjson, "big");
  EXPECT_EQ(transform.feed("{\"model\":\"s\"}\n{\"mod"), "{\"model\":\"big\"}\n");
  EXPECT_EQ(transform.feed("el\":\"s\"}"), "");
  EXPECT_EQ(transform.feed("\n"), "{\"model\":\"big\"}\n");
}

TEST(ResponseModel, ALineLongerThanABoundPassesAsItIsAndTheNextIsReplacedAgain) {
  const std::string open = "{\"a\":[" + std::string(1u << 20, ' ');
  ResponseModel transform(AnswerFormat::ndjson, "big");
  EXPECT_EQ(transform.feed(open), open);
  // Now in the middle of a line: what looks like an object of its own is none.
  EXPECT_EQ(transform.feed("{\"model\":\"s\"}"), "{\"model\":\"s\"}");
  EXPECT_EQ(transform.feed("]}\n{\"model\":\"s\"}\n"), "]}\n{\"model\":\"big\"}\n");
}

TEST(ResponseModel, AnObjectLargerThanABoundPassesAsItIs) {
  const std::string open = "{\"a\":\"" + std::string(16u << 20, 'x');
  ResponseModel transform(AnswerFormat::json, "big");
  EXPECT_EQ(transform.feed(open), open);
  EXPECT_EQ(transform.feed("\",\n\"model\":\"s\"}"), "\",\n\"model\":\"s\"}");
  EXPECT_EQ(transform.finish(), "");
}

TEST(ResponseModel, WhatHasAnotherFormPassesAtOnce) {
  ResponseModel transform(AnswerFormat::opaque, "big");
  EXPECT_EQ(transform.feed("{\"model\":\"s\"}\n"), "{\"model\":\"s\"}\n");
  EXPECT_EQ(transform.finish(), "");
}

TEST(AnswerFormatOf, TheContentTypeTellsInAnyCaseAndWithParameters) {
  EXPECT_EQ(answer_format_of("application/json; charset=utf-8"), AnswerFormat::json);
  EXPECT_EQ(answer_format_of("Application/JSON"), AnswerFormat::json);
  EXPECT_EQ(answer_format_of("application/x-ndjson"), AnswerFormat::ndjson);
  EXPECT_EQ(answer_format_of("text/event-stream ;charset=utf-8"), AnswerFormat::sse);
  EXPECT_EQ(answer_format_of("text/html"), AnswerFormat::opaque);
  EXPECT_EQ(answer_format_of(""), AnswerFormat::opaque);
}

}  // namespace
}  // namespace tasklane
