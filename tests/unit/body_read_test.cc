// What the BodyReader makes of bodies as clients send them, and of bodies that no client should send.
#include <gtest/gtest.h>

#include <string>

#include "shaper/dialect/body.h"
#include "tools/support/gzip.h"

namespace tasklane {
namespace {

class ReadBody : public testing::Test {
 protected:
  const BodyFacts& chat(std::string_view body) { return reader_.read(body, Dialect::ollama_chat); }
  BodyReader reader_;
};

TEST_F(ReadBody, GivesModelMessagesAndRolesOfAChat) {
  const BodyFacts& facts = chat(R"({"model":"m","messages":[{"role":"system","content":"be brief"},
      {"role":"user","content":"hi"},{"role":"assistant","content":"hello"},{"role":"tool","content":"42"}]})");
  ASSERT_TRUE(facts.readable);
  EXPECT_EQ(facts.model, "m");
  ASSERT_EQ(facts.messages.size(), 4u);
  EXPECT_EQ(facts.messages[0].role, Role::system);
  EXPECT_EQ(facts.messages[1].text, "hi");
  EXPECT_EQ(facts.messages[2].role, Role::assistant);
  EXPECT_EQ(facts.messages[3].role, Role::tool);
  EXPECT_TRUE(facts.model_first);
}

TEST_F(ReadBody, AppliesEachDialectsDefaultForStream) {
  EXPECT_TRUE(chat(R"({"messages":[]})").streamed);
  EXPECT_FALSE(reader_.read(R"({"messages":[]})", Dialect::openai_chat).streamed);
  EXPECT_FALSE(chat(R"({"stream":false})").streamed);
  EXPECT_TRUE(reader_.read(R"({"stream":true})", Dialect::openai_chat).streamed);
  EXPECT_TRUE(chat(R"({"stream":null})").streamed) << "null is absent";
  EXPECT_FALSE(chat(R"({"stream":null})").stream.has_value());
}

TEST_F(ReadBody, LetsTheLastOfTwoEqualKeysWin) {
  const BodyFacts& facts = chat(R"({"stream":true,"messages":[{"role":"user","content":"a"}],"tools":[{}],
      "messages":[{"role":"user","role":"assistant","content":"x","content":"b"}],"stream":false,"tools":[]})");
  ASSERT_TRUE(facts.readable);
  EXPECT_FALSE(facts.streamed);
  EXPECT_FALSE(facts.has_tools);
  ASSERT_EQ(facts.messages.size(), 1u);
  EXPECT_EQ(facts.messages[0].text, "b");
  EXPECT_EQ(facts.messages[0].role, Role::assistant);
}

TEST_F(ReadBody, UnescapesMarksThatAreWrittenWithEscapes) {
  const BodyFacts& facts = chat(
      R"({"\u006dodel":"m","messages":[{"role":"\u0075ser","content":"\u0023\u0023\u0023 Task:\n\"\ud83d\ude00\u00e9\/"}]})");
  ASSERT_TRUE(facts.readable);
  EXPECT_EQ(facts.model, "m");
  EXPECT_TRUE(facts.model_first);
  EXPECT_EQ(facts.messages[0].role, Role::user);
  EXPECT_EQ(facts.messages[0].text, "### Task:\n\"\U0001F600\u00e9/");
}

TEST_F(ReadBody, ReplacesALoneSurrogate) {
  EXPECT_EQ(chat(R"({"messages":[{"role":"user","content":"a\ud800b\udc00\ud800\n"}]})").messages[0].text,
            "a\uFFFDb\uFFFD\uFFFD\n");
}

TEST_F(ReadBody, ReplacesBadUtf8AsOllamaDoes) {
  const BodyFacts& facts =
      chat("{\"messages\":[{\"role\":\"user\",\"content\":\"a\xFF\xC0\xAF b\xE2\x82\"}]}");
  ASSERT_TRUE(facts.readable);
  EXPECT_EQ(facts.messages[0].text, "a\uFFFD\uFFFD\uFFFD b\uFFFD\uFFFD");
}

TEST_F(ReadBody, SkipsAByteOrderMark) {
  EXPECT_TRUE(chat("\xEF\xBB\xBF{\"model\":\"m\"}").readable);
  EXPECT_EQ(chat("\xEF\xBB\xBF{\"model\":\"m\"}").json.front(), '{');
}

TEST_F(ReadBody, ReadsGzip) {
  const std::string body = R"({"model":"m","messages":[{"role":"user","content":"hello"}]})";
  const BodyFacts& facts = reader_.read(gzipped(body), Dialect::ollama_chat, "gzip");
  ASSERT_TRUE(facts.readable);
  EXPECT_EQ(facts.json, body);
  EXPECT_EQ(facts.messages[0].text, "hello");
  EXPECT_TRUE(
      reader_.read(gzipped(body.substr(0, 20)) + gzipped(body.substr(20)), Dialect::ollama_chat, "X-GZIP")
          .readable);
}

TEST_F(ReadBody, ReadsARepeatedPromptOfAMegabyteFromAFewKilobytes) {
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":")" + std::string(1000000, 'a') + R"("}]})";
  EXPECT_TRUE(reader_.read(gzipped(body), Dialect::ollama_chat, "gzip").readable);
}

TEST_F(ReadBody, ReadsASmallGzipBodyBehindALargeOne) {
  const std::string large = R"({"model":"m","prompt":")" + std::string(20U << 20, 'a') + R"("})";
  ASSERT_TRUE(reader_.read(large, Dialect::ollama_generate).readable);
  EXPECT_EQ(reader_.read(gzipped(R"({"model":"small"})"), Dialect::ollama_chat, "gzip").model, "small");
}

TEST_F(ReadBody, RefusesAGzipBombAndBrokenGzip) {
  for (const std::size_t size : {17U << 20, 2U << 20})  // too long, and packed as no prompt is
    EXPECT_EQ(reader_.read(gzipped(std::string(size, ' ')), Dialect::ollama_chat, "gzip").problem,
              "unpacks to more than a prompt takes");
  const std::string good = gzipped(R"({"model":"m"})");
  EXPECT_EQ(reader_.read(good.substr(0, good.size() - 9), Dialect::ollama_chat, "gzip").problem,
            "not a gzip stream");
  EXPECT_EQ(reader_.read("{}", Dialect::ollama_chat, "gzip").problem, "not a gzip stream");
  EXPECT_EQ(reader_.read("", Dialect::ollama_chat, "gzip").problem, "not a gzip stream");
  EXPECT_EQ(reader_.read("{}", Dialect::ollama_chat, "br").problem, "unknown content encoding");
  EXPECT_TRUE(reader_.read("{}", Dialect::ollama_chat, "identity").readable);
}

TEST_F(ReadBody, JoinsTextPartsAndNotesImages) {
  const BodyFacts& facts = chat(R"({"messages":[{"role":"user","content":[{"type":"text","text":"one"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"text":"two","type":"text"},"three"]}]})");
  ASSERT_TRUE(facts.readable);
  EXPECT_EQ(facts.messages[0].text, "one\ntwo\nthree");
  EXPECT_TRUE(facts.messages[0].has_other_parts);
  EXPECT_TRUE(facts.has_images);
  EXPECT_TRUE(chat(R"({"messages":[{"role":"user","content":"x","images":["AAAA"]}]})").has_images);
  EXPECT_FALSE(chat(R"({"messages":[{"role":"user","content":"x","images":[]}]})").has_images);
}

TEST_F(ReadBody, FindsMessagesBehindTwentyMebibytesOfImages) {
  const std::string image(20U << 20, 'A');
  const BodyFacts& facts = chat(R"({"model":"m","messages":[{"role":"user","images":[")" + image +
                                R"("],"content":"what is it?"}],"stream":false})");
  ASSERT_TRUE(facts.readable);
  EXPECT_EQ(facts.messages[0].text, "what is it?");
  EXPECT_FALSE(facts.streamed);
  EXPECT_TRUE(chat(R"({"model":"m"})").readable) << "and a small body after it";
}

TEST_F(ReadBody, ReadsGenerateAndCompletions) {
  const BodyFacts& facts = reader_.read(
      R"({"prompt":"write","system":"be brief","options":{"num_predict":7}})", Dialect::ollama_generate);
  ASSERT_EQ(facts.messages.size(), 2u);
  EXPECT_EQ(facts.messages[0].role, Role::system);
  EXPECT_EQ(facts.messages[1].text, "write");
  EXPECT_EQ(facts.token_limit, 7);
  const BodyFacts& completion =
      reader_.read(R"({"prompt":["a","b"],"max_tokens":16})", Dialect::openai_completions);
  ASSERT_EQ(completion.messages.size(), 1u);
  EXPECT_EQ(completion.messages[0].text, "a\nb");
  EXPECT_EQ(completion.token_limit, 16);
}

TEST_F(ReadBody, FindsTokenLimitsToolsAndFormats) {
  EXPECT_EQ(chat(R"({"num_predict":1000})").token_limit, 1000);
  EXPECT_EQ(chat(R"({"options":{"num_predict":50},"num_predict":1000})").token_limit, 50);
  EXPECT_EQ(chat(R"({"max_completion_tokens":9})").token_limit, 9);
  EXPECT_FALSE(chat(R"({"max_tokens":"many"})").token_limit.has_value());
  EXPECT_TRUE(chat(R"({"tools":[{"type":"function"}]})").has_tools);
  EXPECT_TRUE(chat(R"({"functions":[{}]})").has_tools);
  EXPECT_FALSE(chat(R"({"tools":null})").has_tools);
  EXPECT_TRUE(chat(R"({"format":"json"})").has_format);
  EXPECT_TRUE(chat(R"({"response_format":{"type":"json_object"}})").has_format);
  EXPECT_FALSE(chat(R"({"format":null})").has_format);
}

// After the categories of JSONTestSuite: what must be read, what must not, and what may go either way but
// must have one defined outcome.
struct Case {
  const char* what;
  std::string body;
  bool readable;
};

class ReadBodyTable : public testing::TestWithParam<Case> {};

TEST_P(ReadBodyTable, HasADefinedOutcome) {
  BodyReader reader;
  const BodyFacts& facts = reader.read(GetParam().body, Dialect::openai_chat);
  EXPECT_EQ(facts.readable, GetParam().readable) << GetParam().body.substr(0, 80);
  EXPECT_EQ(facts.problem.empty(), GetParam().readable) << facts.problem;
}

std::string nested(std::size_t depth) {
  return R"({"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Accepted, ReadBodyTable,
    testing::Values(
        Case{"empty_object", "{}", true}, Case{"spaces_around", " \r\n\t{ } \n", true},
        Case{"empty_key", R"({"":0})", true}, Case{"null_in_string", R"({"model":"a\u0000b"})", true},
        Case{"huge_exponent", R"({"seed":1e99999,"max_tokens":1e400})", true},
        Case{"huge_integer", R"({"seed":)" + std::string(400, '9') + "}", true},
        Case{"minus_zero", R"({"seed":-0})", true},
        Case{"noncharacter", "{\"model\":\"\xEF\xBF\xBF\"}", true},
        Case{"model_a_number", R"({"model":7,"messages":"none","stream":"yes","options":3})", true},
        Case{"messages_of_other_types", R"({"messages":[1,null,"x",[],{"role":5,"content":{"a":1}}]})", true},
        Case{"deep_1000", nested(1000), true}, Case{"deep_100000", nested(100000), true},
        Case{"deep_content",
             R"({"messages":[{"role":"user","content":)" + std::string(5000, '[') + std::string(5000, ']') +
                 "}]}",
             true}),
    [](const auto& one) { return one.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Refused, ReadBodyTable,
    testing::Values(
        Case{"nothing", "", false}, Case{"only_spaces", "  ", false}, Case{"an_array", "[1]", false},
        Case{"a_string", "\"x\"", false}, Case{"a_number", "7", false}, Case{"a_null", "null", false},
        Case{"no_close", R"({"model":"m")", false}, Case{"no_close_string", R"({"model":"m)", false},
        Case{"only_open", "{", false}, Case{"two_objects", "{}{}", false}, Case{"text_behind", "{} x", false},
        Case{"comma_behind", R"({"model":"m",})", false}, Case{"no_colon", R"({"model" "m"})", false},
        Case{"single_quotes", "{'model':'m'}", false}, Case{"no_quotes", "{model:1}", false},
        Case{"raw_newline", "{\"model\":\"a\nb\"}", false},
        Case{"utf16", std::string("\xFE\xFF\0{\0}", 6), false}, Case{"bom_alone", "\xEF\xBB\xBF", false},
        Case{"form", "model=m&stream=false", false},
        Case{"open_brackets", "{\"messages\":" + std::string(100000, '['), false},
        Case{"open_objects",
             [] {
               std::string text;
               for (int i = 0; i < 20000; ++i) text += "{\"messages\":";
               return text;
             }(),
             false}),
    [](const auto& one) { return one.param.what; });

}  // namespace
}  // namespace tasklane
