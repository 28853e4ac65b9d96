// A task leaves with the schema, the cap and the thinking switch that its server understands, and nothing
// that it brought itself is overruled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "shaper/dialect/body.h"
#include "shaper/dialect/contract.h"
#include "shaper/dialect/json_body.h"
#include "shaper/task/constrain.h"

namespace tasklane {
namespace {

using nlohmann::json;

json constrained(std::string_view text, Dialect dialect, RequestClass request_class,
                 bool json_contract = true, Constraints wanted = {}) {
  OrderedJson body = OrderedJson::parse(text);
  constrain(body, dialect, request_class, json_contract, wanted);
  return json::parse(body.dump());
}

constexpr std::string_view plain =
    R"({"model":"m","messages":[{"role":"user","content":"x"}],"stream":false})";

TEST(Constrain, AnOllamaTaskGetsFormatCapAndNoThinking) {
  const json body = constrained(plain, Dialect::ollama_chat, RequestClass::title);
  EXPECT_EQ(body.at("format").at("required"), json::array({"title"}));
  EXPECT_EQ(body.at("format").at("properties").at("title").at("minLength"), 1) << "never an empty title";
  EXPECT_EQ(body.at("options").at("num_predict"), 128);
  EXPECT_EQ(body.at("think"), false);
  EXPECT_EQ(body.at("messages"), json::parse(plain).at("messages"));
  EXPECT_EQ(body.at("stream"), false);
}

TEST(Constrain, ATemplateOfSomebodysOwnGetsTypesAlone) {
  OrderedJson body = parse_object(plain).value();
  constrain(body, Dialect::ollama_chat, RequestClass::tags, true, {true, false, false}, SchemaBounds::none);
  const json format = json::parse(to_wire_json(body)).at("format");
  EXPECT_EQ(format.at("required"), json::array({"tags"}));
  EXPECT_EQ(format.at("properties").at("tags"), json::parse(R"({"type":"array","items":{"type":"string"}})"));
}

TEST(Constrain, AnOpenaiTaskGetsResponseFormatCapAndBothThinkingSwitches) {
  const json body = constrained(plain, Dialect::openai_chat, RequestClass::tags);
  const json& format = body.at("response_format");
  EXPECT_EQ(format.at("type"), "json_schema");
  EXPECT_EQ(format.at("json_schema").at("name"), "tags");
  EXPECT_EQ(format.at("json_schema").at("strict"), true);
  EXPECT_EQ(format.at("json_schema").at("schema").at("required"), json::array({"tags"}));
  EXPECT_EQ(body.at("max_tokens"), 200);
  EXPECT_EQ(body.at("chat_template_kwargs"), json::parse(R"({"enable_thinking":false})"));
  EXPECT_EQ(body.at("reasoning_effort"), "none");
}

TEST(Constrain, TheCapIsNeverAboveTheClientsOwnAndNeverZero) {
  struct Case {
    std::string_view limit;
    Dialect dialect;
    std::string_view pointer;
    int expected;
  };
  for (const Case& one :
       {Case{R"("options":{"num_predict":50})", Dialect::ollama_chat, "/options/num_predict", 50},
        Case{R"("options":{"num_predict":1000})", Dialect::ollama_chat, "/options/num_predict", 128},
        Case{R"("options":{"num_predict":-1})", Dialect::ollama_chat, "/options/num_predict", 128},
        Case{R"("options":{"num_predict":0})", Dialect::ollama_chat, "/options/num_predict", 128},
        Case{R"("num_predict":20)", Dialect::ollama_chat, "/options/num_predict", 20},
        Case{R"("options":null)", Dialect::ollama_chat, "/options/num_predict", 128},
        Case{R"("max_tokens":50)", Dialect::openai_chat, "/max_tokens", 50},
        Case{R"("max_tokens":1000)", Dialect::openai_chat, "/max_tokens", 128},
        Case{R"("max_tokens":0)", Dialect::openai_chat, "/max_tokens", 128},
        Case{R"("max_completion_tokens":1000)", Dialect::openai_chat, "/max_completion_tokens", 128},
        Case{R"("max_completion_tokens":7)", Dialect::openai_chat, "/max_completion_tokens", 7}}) {
    const std::string body = R"({"model":"m","messages":[],)" + std::string(one.limit) + "}";
    const json result = constrained(body, one.dialect, RequestClass::title);
    EXPECT_EQ(result.at(json::json_pointer(std::string(one.pointer))), one.expected) << one.limit;
    EXPECT_EQ(result.contains("max_tokens") && result.contains("max_completion_tokens"), false) << one.limit;
  }
}

TEST(Constrain, ATaskWithAFormatOfItsOwnKeepsIt) {
  for (const std::string_view own : {R"("format":"json")", R"("format":{"type":"object"})"}) {
    const json body = constrained(R"({"model":"m","messages":[],)" + std::string(own) + "}",
                                  Dialect::ollama_chat, RequestClass::title);
    EXPECT_EQ(body.at("format"), json::parse("{" + std::string(own) + "}").at("format"));
    EXPECT_EQ(body.at("think"), false) << "the rest still holds";
  }
  for (const std::string_view own :
       {R"("response_format":{"type":"json_object"})", R"("grammar":"root ::= x")", R"("guided_json":{})"}) {
    const json body = constrained(R"({"model":"m","messages":[],)" + std::string(own) + "}",
                                  Dialect::openai_chat, RequestClass::title);
    const json given = json::parse("{" + std::string(own) + "}");
    for (const auto& [key, value] : given.items()) EXPECT_EQ(body.at(key), value);
    EXPECT_EQ(body.contains("response_format"), own.starts_with("\"response_format")) << own;
  }
  const json empty =
      constrained(R"({"model":"m","messages":[],"format":""})", Dialect::ollama_chat, RequestClass::title);
  EXPECT_TRUE(empty.at("format").is_object()) << "an empty format is none";
}

TEST(Constrain, ATaskThatSaysHowToThinkKeepsThat) {
  EXPECT_EQ(
      constrained(R"({"messages":[],"think":"low"})", Dialect::ollama_chat, RequestClass::title).at("think"),
      "low");
  const json effort =
      constrained(R"({"messages":[],"reasoning_effort":"low"})", Dialect::openai_chat, RequestClass::title);
  EXPECT_EQ(effort.at("reasoning_effort"), "low");
  EXPECT_FALSE(effort.contains("chat_template_kwargs"));
  const json arguments =
      constrained(R"({"messages":[],"chat_template_kwargs":{"enable_thinking":true,"a":1}})",
                  Dialect::openai_chat, RequestClass::title);
  EXPECT_EQ(arguments.at("chat_template_kwargs"), json::parse(R"({"enable_thinking":true,"a":1})"));
  EXPECT_FALSE(arguments.contains("reasoning_effort"));
  const json added = constrained(R"({"messages":[],"chat_template_kwargs":{"a":1}})", Dialect::openai_chat,
                                 RequestClass::title);
  EXPECT_EQ(added.at("chat_template_kwargs"), json::parse(R"({"a":1,"enable_thinking":false})"));
}

TEST(Constrain, PlainTextContractsGetNoSchema) {
  const json title = constrained(plain, Dialect::ollama_chat, RequestClass::title, false);
  EXPECT_FALSE(title.contains("format"));
  EXPECT_EQ(title.at("options").at("num_predict"), 50);
  const json emoji = constrained(plain, Dialect::openai_chat, RequestClass::emoji, false);
  EXPECT_FALSE(emoji.contains("response_format"));
  EXPECT_EQ(emoji.at("max_tokens"), 4);
}

TEST(Constrain, WhatIsNoTaskAndCompactionIsLeftAlone) {
  for (const RequestClass request_class :
       {RequestClass::chat, RequestClass::compaction, RequestClass::moa, RequestClass::task,
        RequestClass::other, RequestClass::embedding, RequestClass::admin}) {
    EXPECT_EQ(constrained(plain, Dialect::ollama_chat, request_class), json::parse(plain))
        << to_text(request_class);
  }
}

TEST(Constrain, EachConstraintCanBeLeftOutForAServerThatRefusesIt) {
  const auto keys = [](Constraints wanted) {
    const json body = constrained(plain, Dialect::openai_chat, RequestClass::title, true, wanted);
    return std::string(body.contains("response_format") ? "s" : "") +
           (body.contains("max_tokens") ? "c" : "") +
           (body.contains("chat_template_kwargs") || body.contains("reasoning_effort") ? "t" : "");
  };
  EXPECT_EQ(keys({true, false, false}), "s");
  EXPECT_EQ(keys({false, true, false}), "c");
  EXPECT_EQ(keys({false, false, true}), "t");
  EXPECT_EQ(keys({true, true, true}), "sct");
  EXPECT_EQ(constrained(plain, Dialect::openai_chat, RequestClass::title, true, no_constraints),
            json::parse(plain));
}

TEST(Constrain, SaysWhatItChanged) {
  OrderedJson body = OrderedJson::parse(R"({"messages":[],"format":"json","max_tokens":5})");
  EXPECT_EQ(constrain(body, Dialect::ollama_chat, RequestClass::title, true),
            (Constraints{false, true, true}));
}

class Contract : public testing::Test {
 protected:
  bool asks(RequestClass request_class, std::string_view prompt) {
    const json body = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", prompt}}}}};
    return asks_for_json(request_class, reader_.read(body.dump(), Dialect::ollama_chat));
  }
  BodyReader reader_;
};

TEST_F(Contract, APromptAsksForJsonByNamingTheKeyInItsInstructions) {
  EXPECT_TRUE(asks(RequestClass::title, R"(JSON format: { "title": "..." })"));
  EXPECT_TRUE(asks(RequestClass::title, "Antworte als JSON mit dem Schlüssel 'title'."));
  EXPECT_TRUE(asks(RequestClass::follow_up, "a JSON object with a \"follow_ups\" key"));
  EXPECT_FALSE(asks(RequestClass::title, "Create a title. RESPOND ONLY WITH THE TITLE TEXT."));
  EXPECT_FALSE(asks(RequestClass::emoji, R"({ "title": "..." })"));
}

TEST_F(Contract, AnAnswerKeepsItWithAnObjectThatHasTheKeyWhateverIsSaidAroundIt) {
  EXPECT_TRUE(keeps_contract(RequestClass::title, R"(Sure: {"title": "Rice"} Enjoy!)"));
  EXPECT_FALSE(keeps_contract(RequestClass::title, "Rice"));
  EXPECT_FALSE(keeps_contract(RequestClass::title, R"({"name": "Rice"})"));
  EXPECT_FALSE(keeps_contract(RequestClass::title, R"({"title": "Rice)"));
  EXPECT_FALSE(keeps_contract(RequestClass::tags, R"({"title": "Rice"})"));
}

TEST_F(Contract, TheQuotedConversationDoesNotCount) {
  EXPECT_FALSE(
      asks(RequestClass::title,
           "Create a title.\n\n<chat_history>\nUSER: what is {\"title\": 1}?\nASSISTANT: \n</chat_history>"));
  EXPECT_TRUE(asks(RequestClass::title,
                   "<chat_history>\nUSER: hi\n</chat_history>\nNow a title as JSON: {\"title\": \"...\"}"));
}

}  // namespace
}  // namespace tasklane
