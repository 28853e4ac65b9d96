// OpenAI's responses: an answer read and written, in one object and as events; what constrains a task there.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shaper/dialect/assemble.h"
#include "shaper/dialect/body.h"
#include "shaper/dialect/json_body.h"
#include "shaper/task/constrain.h"
#include "shaper/task/verdict.h"

namespace tasklane {
namespace {

using nlohmann::json;
constexpr Dialect responses = Dialect::openai_responses;

const json whole{
    {"id", "resp_1"},
    {"object", "response"},
    {"created_at", 1764244800},
    {"status", "completed"},
    {"error", nullptr},
    {"incomplete_details", nullptr},
    {"model", "m"},
    {"output",
     {{{"type", "reasoning"}, {"id", "rs_1"}, {"summary", {{{"type", "summary_text"}, {"text", "Hm."}}}}},
      {{"type", "message"},
       {"id", "msg_1"},
       {"status", "completed"},
       {"role", "assistant"},
       {"content",
        {{{"type", "output_text"},
          {"text", R"({"title": "Rice"})"},
          {"annotations", json::array()},
          {"logprobs", nullptr}}}}}}},
    {"metadata", {{"own", "7"}}},
    {"usage",
     {{"input_tokens", 40},
      {"input_tokens_details", {{"cached_tokens", 32}}},
      {"output_tokens", 6},
      {"total_tokens", 46}}}};

std::string event(const json& data) {
  return "event: " + data.at("type").get<std::string>() + "\ndata: " + data.dump() + "\n\n";
}

std::string streamed(const json& response) {
  json begun = response;
  begun["status"] = "in_progress";
  begun["output"] = json::array();
  return event({{"type", "response.created"}, {"response", begun}}) +
         event({{"type", "response.output_text.delta"}, {"item_id", "msg_1"}, {"delta", "{\"title\": "}}) +
         event({{"type", "response.output_text.delta"}, {"item_id", "msg_1"}, {"delta", "\"Rice\"}"}}) +
         event({{"type", "response.completed"}, {"response", response}});
}

AnswerAssembler assembled(const std::string& bytes, Keep keep = Keep::answer) {
  AnswerAssembler assembler(responses, keep);
  assembler.feed(bytes);
  assembler.finish();
  return assembler;
}

TEST(AResponse, IsReadAsOneObjectAndAsEventsAlike) {
  for (const std::string& bytes : {whole.dump(), streamed(whole)}) {
    const AnswerAssembler read = assembled(bytes);
    EXPECT_EQ(read.state(), StreamState::complete) << read.problem();
    EXPECT_EQ(read.answer().content, R"({"title": "Rice"})");
    EXPECT_EQ(read.answer().thinking, "Hm.");
    EXPECT_EQ(read.answer().finish_reason, "stop");
    EXPECT_EQ(read.figures().prompt_tokens, 40u);
    EXPECT_EQ(read.figures().cached_tokens, 32u);
    EXPECT_EQ(read.figures().generated_tokens, 6u);
  }
}

TEST(AResponse, OfAStreamIsWhatTheServerAnswersWithoutOne) {
  const LocalAnswer answer = render(assembled(streamed(whole)).answer(), {responses, false, false, "m"});
  EXPECT_EQ(answer.content_type, "application/json");
  EXPECT_EQ(json::parse(answer.body), whole);
}

TEST(AResponse, WrittenAsEventsBeginsAndEndsWithTheWholeAndCountsThem) {
  const LocalAnswer answer = render(assembled(whole.dump()).answer(), {responses, true, false, "big"});
  std::vector<json> events;
  for (std::size_t at = answer.body.find("data: "); at != std::string::npos;
       at = answer.body.find("data: ", at + 1))
    events.push_back(json::parse(answer.body.substr(at + 6, answer.body.find('\n', at) - at - 6)));
  ASSERT_GE(events.size(), 8u);
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(events[i].at("sequence_number"), i);
  EXPECT_EQ(events.front().at("type"), "response.created");
  EXPECT_EQ(events.front().at("response").at("output"), json::array());
  EXPECT_EQ(events.back().at("type"), "response.completed");
  EXPECT_EQ(events.back().at("response").at("model"), "big");
  EXPECT_EQ(events.back().at("response").at("output"), whole.at("output"));
  std::string text;
  for (const json& each : events)
    if (each.at("type") == "response.output_text.delta") text += each.at("delta").get<std::string>();
  EXPECT_EQ(text, R"({"title": "Rice"})");
}

TEST(AResponse, ThatWasCutAtItsLimitSaysSo) {
  json cut = whole;
  cut["status"] = "incomplete";
  cut["incomplete_details"] = {{"reason", "max_output_tokens"}};
  EXPECT_EQ(assembled(event({{"type", "response.incomplete"}, {"response", cut}})).answer().finish_reason,
            "length");
}

TEST(AResponse, ThatFailedIsAnErrorInTheServersWords) {
  json failed = whole;
  failed["status"] = "failed";
  failed["error"] = {{"code", "server_error"}, {"message", "out of memory"}};
  for (const std::string& bytes : {event({{"type", "response.failed"}, {"response", failed}}), failed.dump(),
                                   event({{"type", "error"}, {"code", "x"}, {"message", "out of memory"}})}) {
    const AnswerAssembler read = assembled(bytes);
    EXPECT_EQ(read.state(), StreamState::failed) << bytes;
    EXPECT_NE(read.error_words().find("out of memory"), std::string::npos) << bytes;
  }
}

TEST(AResponse, OfTasklanesOwnIsWholeToo) {
  Answer empty;
  empty.content = "{\"tags\":[]}";
  const json body = json::parse(render(empty, {responses, false, false, "m"}).body);
  EXPECT_EQ(body.at("object"), "response");
  EXPECT_EQ(body.at("status"), "completed");
  EXPECT_EQ(body.at("output")[0].at("content")[0].at("text"), empty.content);
  EXPECT_TRUE(json::parse(error_answer(responses, "/x/responses", 429, "slow down").body).contains("error"));
}

TEST(AResponse, WhoseTextIsFoundAmongTheThoughtsHasItInItsMessage) {
  json thought = whole;
  thought["output"] = {{{"type", "reasoning"},
                        {"id", "rs_1"},
                        {"summary", json::array()},
                        {"content", {{{"type", "reasoning_text"}, {"text", R"(So: {"title": "Rice"})"}}}}}};
  const AnswerAssembler read = assembled(thought.dump());
  const Reply reply{true, true, false, 200, "application/json"};
  const Verdict verdict = judge({reply, read, RequestClass::title, true, false});
  ASSERT_TRUE(verdict.answer.has_value());
  const json body = json::parse(render(*verdict.answer, {responses, false, false, "m"}).body);
  EXPECT_EQ(body.at("output")[1].at("content")[0].at("text"), R"({"title": "Rice"})");
}

TEST(ATaskAtResponses, GetsItsSchemaAndItsCapInThatDialect) {
  OrderedJson body = parse_object(R"({"model":"m","input":"x","stream":false})").value();
  const Constraints applied =
      constrain(body, responses, RequestClass::title, true, {}, SchemaBounds::of_shipped_template);
  EXPECT_TRUE(applied.schema && applied.cap);
  EXPECT_EQ(body.at("text").at("format").at("type"), "json_schema");
  EXPECT_EQ(body.at("text").at("format").at("schema").at("required")[0], "title");
  EXPECT_EQ(body.at("max_output_tokens"), 128);
  EXPECT_FALSE(body.contains("response_format"));
}

TEST(ATaskAtResponses, WithAFormatOfItsOwnKeepsIt) {
  const std::string own = R"({"model":"m","input":"x","text":{"format":{"type":"json_object"}}})";
  OrderedJson body = parse_object(own).value();
  constrain(body, responses, RequestClass::title, true, {true, false, false}, SchemaBounds::none);
  EXPECT_EQ(body, parse_object(own).value());
}

TEST(ATaskAtResponses, InTheBackgroundOrInAConversationIsNotPutTogether) {
  BodyReader reader;
  EXPECT_FALSE(reader.read(R"({"input":"x","background":true})", responses).one_text);
  EXPECT_FALSE(reader.read(R"({"input":"x","conversation":"conv_1"})", responses).one_text);
  EXPECT_TRUE(reader.read(R"({"input":"x","background":false})", responses).one_text);
}

}  // namespace
}  // namespace tasklane
