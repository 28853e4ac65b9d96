// A request asked of a server of another dialect: the table of what maps to what, and what cannot; there and
// back again keeps the meaning.
#include "shaper/dialect/translate.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "shaper/dialect/assemble.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/error_answer.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using nlohmann::json;

constexpr Dialect ollama_chat = Dialect::ollama_chat;
constexpr Dialect ollama_generate = Dialect::ollama_generate;
constexpr Dialect openai_chat = Dialect::openai_chat;
constexpr Dialect openai_responses = Dialect::openai_responses;

// As values, whatever the order of their keys.
json as_values(const OrderedJson& body) { return json::parse(to_wire_json(body)); }

json said_in(Dialect to, Dialect from, const json& body) {
  const auto asked = translate(OrderedJson(body), from, to);
  return asked ? as_values(*asked) : json("refused: " + asked.error().text());
}

// Where the refusal points to; "": it was translated.
std::string refused_at(Dialect from, Dialect to, const json& body) {
  const auto asked = translate(OrderedJson(body), from, to);
  return asked ? "" : asked.error().where;
}

// The usual question with further members.
json usual_request(const json& more = json::object()) {
  json body{{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "a"}}}}, {"stream", false}};
  body.update(more);
  return body;
}

struct Mapped {
  const char* ollama;
  const char* openai;
};

TEST(ATranslation, IsAskedInTheClientsOwnDialectElseInTheServersChat) {
  EXPECT_EQ(asked_in(ollama_chat, DialectFamily::ollama), ollama_chat);
  EXPECT_EQ(asked_in(ollama_generate, DialectFamily::ollama), ollama_generate);
  EXPECT_EQ(asked_in(Dialect::openai_completions, DialectFamily::openai), Dialect::openai_completions);
  for (const Dialect client : {ollama_chat, ollama_generate, openai_responses})
    EXPECT_EQ(asked_in(client, DialectFamily::openai), openai_chat) << to_text(client);
  for (const Dialect client : {openai_chat, openai_responses})
    EXPECT_EQ(asked_in(client, DialectFamily::ollama), ollama_chat) << to_text(client);
  for (const Dialect client : {Dialect::openai_completions, Dialect::anthropic_messages, Dialect::none})
    EXPECT_EQ(asked_in(client, DialectFamily::ollama), std::nullopt) << to_text(client);
  EXPECT_EQ(asked_in(openai_chat, DialectFamily::other), std::nullopt);
  EXPECT_EQ(asked_in(openai_chat, DialectFamily::none), std::nullopt);
}

TEST(ATranslation, MapsEachRowOfTheTableBothWays) {
  const std::vector<Mapped> rows{
      {R"({})", R"({})"},
      {R"({"options":{"num_predict":50}})", R"({"max_tokens":50})"},
      {R"({"options":{"temperature":0.5,"top_p":0.9,"seed":7,"stop":["x","y"]}})",
       R"({"temperature":0.5,"top_p":0.9,"seed":7,"stop":["x","y"]})"},
      {R"({"options":{"frequency_penalty":0.5,"presence_penalty":-1}})",
       R"({"frequency_penalty":0.5,"presence_penalty":-1})"},
      {R"({"format":"json"})", R"({"response_format":{"type":"json_object"}})"},
      {R"({"format":{"type":"object"}})",
       R"({"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object"}}}})"},
      {R"({"think":false})",
       R"({"reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":false}})"},
      {R"({"think":true})", R"({"chat_template_kwargs":{"enable_thinking":true}})"},
      {R"({"think":"low"})", R"({"reasoning_effort":"low"})"},
      {R"({"messages":[{"role":"user","content":"what is it","images":["iVBORw0KGgo="]}]})",
       R"({"messages":[{"role":"user","content":[
           {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
           {"type":"text","text":"what is it"}]}]})"},
      {R"({"tools":[{"type":"function","function":{"name":"clock","description":"d","parameters":{"type":"object"}}}]})",
       R"({"tools":[{"type":"function","function":{"name":"clock","description":"d","parameters":{"type":"object"}}}]})"},
      {R"({"messages":[{"role":"system","content":"s"},
           {"role":"assistant","content":"","thinking":"hm","tool_calls":[
             {"id":"c1","function":{"name":"clock","arguments":{"zone":"UTC"}}}]},
           {"role":"tool","content":"12","tool_name":"clock","tool_call_id":"c1"}]})",
       R"({"messages":[{"role":"system","content":"s"},
           {"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[
             {"id":"c1","type":"function","function":{"name":"clock","arguments":"{\"zone\":\"UTC\"}"}}]},
           {"role":"tool","content":"12","tool_call_id":"c1"}]})"}};
  for (const auto& [one, other] : rows) {
    EXPECT_EQ(said_in(openai_chat, ollama_chat, usual_request(json::parse(one))),
              usual_request(json::parse(other)))
        << one;
    EXPECT_EQ(said_in(ollama_chat, openai_chat, usual_request(json::parse(other))),
              usual_request(json::parse(one)))
        << other;
  }
}

TEST(ATranslation, OfOtherSpellingsOfOneMeaningIsTheSame) {
  const std::vector<Mapped> to_openai{
      {R"({"options":{"num_predict":-1},"num_predict":1000})", R"({})"},
      {R"({"format":"","think":"","options":{},"tools":[]})", R"({})"},
      {R"({"options":{"num_ctx":8192,"num_thread":2,"top_k":40,"repeat_penalty":1.1,"mirostat":0},"keep_alive":"5m"})",
       R"({})"},
      {R"({"options":{"top_k":1,"temperature":0.8}})", R"({"temperature":0})"},
      {R"({"truncate":true,"shift":false,"logprobs":false})", R"({})"},
      {R"({"options":{"reasoning_effort":"low","chat_template_kwargs":{"a":1}}})", R"({})"}};
  for (const auto& [one, other] : to_openai)
    EXPECT_EQ(said_in(openai_chat, ollama_chat, usual_request(json::parse(one))),
              usual_request(json::parse(other)))
        << one;
  const std::vector<Mapped> to_ollama{
      {R"({"options":{"num_predict":50}})", R"({"max_completion_tokens":50,"max_tokens":50.0})"},
      {R"({"options":{"num_predict":50}})", R"({"n_predict":50})"},
      {R"({})", R"({"max_tokens":-1,"n":1,"logprobs":false,"top_logprobs":0,"logit_bias":{},"stop":null})"},
      {R"({})", R"({"user":"ann","store":false,"metadata":{"a":1},"stream_options":{"include_usage":true}})"},
      {R"({"options":{"stop":["x"],"top_k":5,"repeat_penalty":1.2}})",
       R"({"stop":"x","top_k":5,"repetition_penalty":1.2})"},
      {R"({"format":{"type":"object"}})",
       R"({"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":false,"schema":{"type":"object"}}}})"},
      {R"({"format":{"type":"object"}})",
       R"({"response_format":{"type":"json_object","schema":{"type":"object"}}})"},
      {R"({})", R"({"response_format":{"type":"text"}})"},
      {R"({"think":false})", R"({"chat_template_kwargs":{"enable_thinking":false}})"},
      {R"({"think":"high"})",
       R"({"chat_template_kwargs":{"enable_thinking":true},"reasoning_effort":"high"})"},
      {R"({"think":"low"})", R"({"reasoning":{"effort":"low"}})"},
      {R"({"messages":[{"role":"system","content":"b"},{"role":"user","content":"a\nc"}]})",
       R"({"messages":[{"role":"developer","content":"b"},
           {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"c"}]}]})"},
      {R"({})", R"({"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"})"},
      {R"({"tools":[{"type":"function","function":{"name":"f"}}]})",
       R"({"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","parallel_tool_calls":true})"}};
  for (const auto& [one, other] : to_ollama)
    EXPECT_EQ(said_in(ollama_chat, openai_chat, usual_request(json::parse(other))),
              usual_request(json::parse(one)))
        << other;
}

TEST(ATranslation, SaysWhetherItStreamsAndAsksForTheFiguresThen) {
  json unsaid = usual_request();
  unsaid.erase("stream");
  const json asked = said_in(openai_chat, ollama_chat, unsaid);
  EXPECT_EQ(asked.at("stream"), true);
  EXPECT_EQ(asked.at("stream_options"), (json{{"include_usage", true}}));
  EXPECT_EQ(said_in(ollama_chat, openai_chat, unsaid), usual_request());
}

TEST(ATranslation, OfGenerateIsTheTwoMessagesThatOllamaMakesOfIt) {
  const json body{{"model", "m"},
                  {"prompt", "a"},
                  {"system", "s"},
                  {"stream", false},
                  {"raw", false},
                  {"suffix", ""},
                  {"options", {{"num_predict", 5}}}};
  EXPECT_EQ(
      said_in(openai_chat, ollama_generate, body),
      (json{{"model", "m"},
            {"messages", {{{"role", "system"}, {"content", "s"}}, {{"role", "user"}, {"content", "a"}}}},
            {"stream", false},
            {"max_tokens", 5}}));
  const auto shown = translate(parse_object(R"({"prompt":"a","images":["/9j/4AA="]})").value(),
                               ollama_generate, openai_chat);
  ASSERT_TRUE(shown);
  EXPECT_EQ(as_values(*shown).at("messages")[0].at("content"), json::parse(R"([
      {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4AA="}},{"type":"text","text":"a"}])"));
}

TEST(ATranslation, OfResponsesIsAConversation) {
  const json body = json::parse(R"({"model":"m","stream":false,"store":false,"instructions":"s",
    "max_output_tokens":60,"reasoning":{"effort":"none"},"top_p":0.5,
    "text":{"format":{"type":"json_schema","name":"t","strict":true,"schema":{"type":"object"}}},
    "tools":[{"type":"function","name":"clock","parameters":{"type":"object"}}],
    "input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},
      {"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"hm"}]},
      {"type":"message","id":"m1","status":"completed","role":"assistant",
       "content":[{"type":"output_text","text":"wait","annotations":[]}]},
      {"type":"function_call","call_id":"c1","name":"clock","arguments":"{}"},
      {"type":"function_call_output","call_id":"c1","output":"12"}]})");
  EXPECT_EQ(said_in(ollama_chat, openai_responses, body), json::parse(R"({"model":"m","stream":false,
    "messages":[{"role":"system","content":"s"},{"role":"user","content":"a"},
      {"role":"assistant","content":"wait","thinking":"hm",
       "tool_calls":[{"id":"c1","function":{"name":"clock","arguments":{}}}]},
      {"role":"tool","content":"12","tool_name":"clock","tool_call_id":"c1"}],
    "format":{"type":"object"},"think":false,
    "tools":[{"type":"function","function":{"name":"clock","parameters":{"type":"object"}}}],
    "options":{"num_predict":60,"top_p":0.5}})"));
  const json plain_text{{"model", "m"}, {"input", "a"}, {"stream", false}};
  EXPECT_EQ(said_in(openai_chat, openai_responses, plain_text), usual_request());
}

TEST(ATranslation, GivesOllamasCallsTheIdsThatOpenaiWants) {
  const json body = usual_request(json::parse(R"({"messages":[{"role":"assistant","content":"","tool_calls":[
      {"function":{"name":"f","arguments":{}}},{"function":{"name":"g","arguments":{}}}]},
      {"role":"tool","content":"2","tool_name":"g"},{"role":"tool","content":"1"}]})"));
  const json messages = said_in(openai_chat, ollama_chat, body).at("messages");
  EXPECT_EQ(messages[0].at("tool_calls")[0].at("id"), messages[2].at("tool_call_id"));
  EXPECT_EQ(messages[0].at("tool_calls")[1].at("id"), messages[1].at("tool_call_id"));
  EXPECT_NE(messages[1].at("tool_call_id"), messages[2].at("tool_call_id"));
}

TEST(ATranslation, RefusesWhatOpenaiCannotSayAndPointsToIt) {
  const std::vector<std::pair<const char*, std::string>> cases{
      {R"({"format":"xml"})", "/format"},
      {R"({"think":"max"})", "/think"},
      {R"({"logprobs":true})", "/logprobs"},
      {R"({"a/b":1})", "/a~1b"},
      {R"({"options":{"unheard_of":1}})", "/options/unheard_of"},
      {R"({"options":{"temperature":"hot"}})", "/options/temperature"},
      {R"({"options":{"num_predict":1.5}})", "/options/num_predict"},
      {R"({"options":{"stop":[7]}})", "/options/stop/0"},
      {R"({"options":[]})", "/options"},
      {R"({"messages":[]})", ""},
      {R"({"messages":[{"role":"control","content":"a"}]})", "/messages/0"},
      {R"({"messages":[{"role":"user","content":"a","images":["QUJD"]}]})", "/messages/0/images/0"},
      {R"({"messages":[{"role":"user","content":"a [img]","images":["/9j/4AA="]}]})", "/messages/0/content"},
      {R"({"messages":[{"role":"tool","content":"a"}]})", "/messages/0"},
      {R"({"messages":[{"role":"user","content":{}}]})", "/messages/0/content"},
      {R"({"tools":[{"type":"web_search"}]})", "/tools/0"}};
  for (const auto& [more, where] : cases) {
    EXPECT_EQ(refused_at(ollama_chat, openai_chat, usual_request(json::parse(more))), where) << more;
    EXPECT_FALSE(translate(OrderedJson(usual_request(json::parse(more))), ollama_chat, openai_chat)) << more;
  }
  for (const char* member : {"suffix", "template", "context", "raw"}) {
    const json set = member == std::string("raw") ? json(true) : json("x");
    EXPECT_EQ(refused_at(ollama_generate, openai_chat, {{"prompt", "a"}, {member, set}}),
              std::string("/") + member);
  }
  EXPECT_FALSE(
      translate(OrderedJson{{"prompt", ""}}, ollama_generate, openai_chat));  // it only loads the model
}

TEST(ATranslation, RefusesWhatOllamaCannotSayAndPointsToIt) {
  const std::vector<std::pair<const char*, std::string>> cases{
      {R"({"n":2})", "/n"},
      {R"({"store":true})", "/store"},
      {R"({"logit_bias":{"1":2}})", "/logit_bias"},
      {R"({"max_tokens":0})", "/max_tokens"},
      {R"({"max_tokens":50,"max_completion_tokens":60})", "/max_tokens"},
      {R"({"grammar":"root ::= x"})", "/grammar"},
      {R"({"response_format":{"type":"grammar"}})", "/response_format"},
      {R"({"response_format":{"type":"json_schema"}})", "/response_format"},
      {R"({"response_format":{"type":"json_schema","json_schema":{"description":"d","schema":{}}}})",
       "/response_format/json_schema/description"},
      {R"({"reasoning_effort":"minimal"})", "/reasoning_effort"},
      {R"({"reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true}})", "/reasoning_effort"},
      {R"({"tool_choice":"required"})", "/tool_choice"},
      {R"({"parallel_tool_calls":false})", "/parallel_tool_calls"},
      {R"({"tools":[{"type":"function","function":{"name":"f","strict":true}}]})", "/tools/0/function"},
      {R"({"messages":[{"role":"user","content":"a","name":"ann"}]})", "/messages/0/name"},
      {R"({"messages":[{"role":"user","content":[{"type":"input_audio"}]}]})", "/messages/0/content/0"},
      {R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]})",
       "/messages/0/content/0/image_url/url"},
      {R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,AA"},
           {"type":"text","text":"and"},{"type":"image_url","image_url":"data:image/png;base64,AA"}]}]})",
       "/messages/0/content/2/image_url"},
      {R"({"messages":[{"role":"assistant","content":null,
           "tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a"}}]}]})",
       "/messages/0/tool_calls/0/function/arguments"}};
  for (const auto& [more, where] : cases)
    EXPECT_EQ(refused_at(openai_chat, ollama_chat, usual_request(json::parse(more))), where) << more;
  for (const char* member : {"previous_response_id", "conversation", "prompt"})
    EXPECT_EQ(refused_at(openai_responses, ollama_chat, {{"input", "a"}, {member, "x"}}),
              std::string("/") + member);
  EXPECT_EQ(refused_at(openai_responses, openai_chat,
                       json::parse(R"({"input":[{"type":"reasoning","encrypted_content":"x"}]})")),
            "/input/0/encrypted_content");
}

TEST(ATranslation, OfOneDialectToItselfChangesNothing) {
  const json odd{{"messages", 7}, {"anything", {1, 2}}};
  for (const DialectRow* row : dialect_table)
    EXPECT_EQ(said_in(row->dialect, row->dialect, odd), odd) << row->name;
}

TEST(ATranslation, NeverTellsAValueOfTheBodyInItsError) {
  const json body =
      usual_request(json::parse(R"({"messages":[{"role":"secret","content":"secret"}],"format":"secret"})"));
  const auto asked = translate(OrderedJson(body), ollama_chat, openai_chat);
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().text().find("secret"), std::string::npos) << asked.error().text();
}

// --- There and back again ---

// One meaning, drawn at random, as each dialect writes it: found by nothing that is tested.
class Meaning {
 public:
  explicit Meaning(std::uint32_t seed) : random_(seed) {
    for (json* body : {&ollama_, &openai_}) *body = {{"model", "m"}, {"messages", json::array()}};
    const bool stream = draw(2) == 0;
    ollama_["stream"] = openai_["stream"] = stream;
    if (stream) openai_["stream_options"] = {{"include_usage", true}};
    if (draw(2) == 0) message("system", word());
    for (unsigned rest = 1 + draw(3); rest > 0; --rest) turn();
    samplers();
    format();
    thinking();
    if (draw(3) == 0) ollama_["tools"] = openai_["tools"] = json::array({tool()});
  }

  [[nodiscard]] const json& ollama_body() const { return ollama_; }
  [[nodiscard]] const json& openai_body() const { return openai_; }

 private:
  unsigned draw(unsigned below) { return std::uniform_int_distribution<unsigned>(0, below - 1)(random_); }
  std::string word() {
    static const std::vector<std::string> words{"Brötchen", "a\nb", "\"quoted\"", "🥖", "x/~y", ""};
    return words[draw(static_cast<unsigned>(words.size()))];
  }

  void message(const std::string& role, const std::string& text) {
    for (json* body : {&ollama_, &openai_})
      (*body)["messages"].push_back({{"role", role}, {"content", text}});
  }

  void turn() {
    message("user", word());
    if (draw(4) == 0) picture();
    if (draw(2) == 0) return message("assistant", word());
    const std::string id = "c" + std::to_string(calls_++);
    const json arguments{{word(), draw(9)}, {"list", {1, nullptr, word()}}};
    message("assistant", word());
    ollama_["messages"].back()["tool_calls"] = {
        {{"id", id}, {"function", {{"name", "clock"}, {"arguments", arguments}}}}};
    openai_["messages"].back()["tool_calls"] = {
        {{"id", id},
         {"type", "function"},
         {"function", {{"name", "clock"}, {"arguments", arguments.dump()}}}}};
    message("tool", word());
    ollama_["messages"].back().update({{"tool_name", "clock"}, {"tool_call_id", id}});
    openai_["messages"].back()["tool_call_id"] = id;
  }

  void picture() {
    const std::string text = ollama_["messages"].back()["content"];
    ollama_["messages"].back()["images"] = {"/9j/4AAQ"};
    json parts = {{{"type", "image_url"}, {"image_url", {{"url", "data:image/jpeg;base64,/9j/4AAQ"}}}}};
    if (!text.empty()) parts.push_back({{"type", "text"}, {"text", text}});
    openai_["messages"].back()["content"] = parts;
  }

  void samplers() {
    const auto both = [&](const char* name, const json& value) {
      if (draw(3) == 0) ollama_["options"][name] = openai_[name] = value;
    };
    both("temperature", draw(20) / 10.0);
    both("top_p", draw(10) / 10.0);
    both("seed", draw(1000));
    both("frequency_penalty", draw(20) / 10.0);
    both("presence_penalty", draw(20) / 10.0);
    both("stop", json::array({"END", "\n"}));
    if (draw(2) == 0) ollama_["options"]["num_predict"] = openai_["max_tokens"] = 1 + draw(2000);
  }

  void format() {
    const json schema{{"type", "object"}, {"properties", {{word(), {{"type", "string"}}}}}};
    const unsigned kind = draw(3);
    if (kind == 0) {
      ollama_["format"] = "json";
      openai_["response_format"] = {{"type", "json_object"}};
    } else if (kind == 1) {
      ollama_["format"] = schema;
      openai_["response_format"] = {
          {"type", "json_schema"},
          {"json_schema", {{"name", "answer"}, {"strict", true}, {"schema", schema}}}};
    }
  }

  void thinking() {
    const unsigned kind = draw(4);
    if (kind == 0) {
      ollama_["think"] = false;
      openai_["reasoning_effort"] = "none";
      openai_["chat_template_kwargs"] = {{"enable_thinking", false}};
    } else if (kind == 1) {
      ollama_["think"] = openai_["reasoning_effort"] = "medium";
    }
  }

  json tool() {
    return {{"type", "function"},
            {"function", {{"name", "clock"}, {"description", word()}, {"parameters", {{"type", "object"}}}}}};
  }

  std::mt19937 random_;
  json ollama_;
  json openai_;
  unsigned calls_ = 0;
};

TEST(ThereAndBackAgain, KeepsTheMeaning) {
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const Meaning meaning(seed);
    ASSERT_EQ(said_in(openai_chat, ollama_chat, meaning.ollama_body()), meaning.openai_body()) << seed;
    ASSERT_EQ(said_in(ollama_chat, openai_chat, meaning.openai_body()), meaning.ollama_body()) << seed;
  }
}

// What a client of the responses would have written of the same meaning.
json as_responses(json body) {
  json input = json::array();
  for (json& message : body["messages"]) {
    if (message["role"] == "tool") {
      input.push_back({{"type", "function_call_output"},
                       {"call_id", message["tool_call_id"]},
                       {"output", message["content"]}});
      continue;
    }
    const json calls = message.value("tool_calls", json::array());
    message.erase("tool_calls");
    if (message["content"].is_array())
      for (json& part : message["content"])
        part = part["type"] == "text"
                   ? json{{"type", "input_text"}, {"text", part["text"]}}
                   : json{{"type", "input_image"}, {"image_url", part["image_url"]["url"]}};
    input.push_back(message);
    for (const json& call : calls)
      input.push_back({{"type", "function_call"},
                       {"call_id", call["id"]},
                       {"name", call["function"]["name"]},
                       {"arguments", call["function"]["arguments"]}});
  }
  body["input"] = input;
  for (json& tool : body.contains("tools") ? body["tools"] : body["none"]) {
    tool.update(tool["function"]);
    tool.erase("function");
  }
  if (body.contains("max_tokens")) body["max_output_tokens"] = body["max_tokens"];
  if (body.contains("reasoning_effort")) body["reasoning"] = {{"effort", body["reasoning_effort"]}};
  if (body.contains("response_format")) {
    json format = body["response_format"];
    if (format.contains("json_schema")) format.update(format["json_schema"]), format.erase("json_schema");
    body["text"] = {{"format", format}};
  }
  for (const char* chat : {"messages", "none", "max_tokens", "reasoning_effort", "chat_template_kwargs",
                           "response_format", "stream_options"})
    body.erase(chat);
  return body;
}

TEST(ThereAndBackAgain, StartsFromResponsesToo) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const Meaning meaning(seed);
    const json body = as_responses(meaning.openai_body());
    ASSERT_EQ(said_in(openai_chat, openai_responses, body), meaning.openai_body()) << seed;
    ASSERT_EQ(said_in(ollama_chat, openai_responses, body), meaning.ollama_body()) << seed;
  }
}

// One value somewhere is another, or gone.
void spoil(json& value, std::mt19937& random) {
  const auto draw = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  static const std::vector<json> odd{
      nullptr, true, -1, 1e300, "", "x\xff", json::array(), json::object(), {{"type", 7}}, {1, "2", nullptr}};
  if (value.is_structured() && !value.empty() && draw(5) != 0) {
    auto at = value.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(draw(value.size())));
    if (draw(8) == 0)
      value.erase(at);
    else
      spoil(*at, random);
    return;
  }
  value = odd[draw(odd.size())];
}

TEST(ThereAndBackAgain, OfWhateverIsWrittenEndsInJsonOrARefusal) {
  std::mt19937 random(11);
  unsigned translated = 0;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    const Meaning meaning(seed);
    for (const auto& [from, to] : {std::pair{ollama_chat, openai_chat},
                                   {openai_chat, ollama_chat},
                                   {ollama_generate, openai_chat},
                                   {openai_responses, openai_chat},
                                   {openai_responses, ollama_chat}}) {
      json body =
          from == ollama_chat || from == ollama_generate ? meaning.ollama_body() : meaning.openai_body();
      if (from == openai_responses) body["input"] = body["messages"], body.erase("messages");
      if (from == ollama_generate) body["prompt"] = "a", body.erase("messages"), body.erase("tools");
      for (unsigned times = seed % 4; times > 0; --times) spoil(body, random);
      const auto asked = translate(OrderedJson(body), from, to);
      if (!asked) {
        ASSERT_TRUE(asked.error().where.empty() || asked.error().where.starts_with('/'));
        continue;
      }
      ++translated;
      const auto written = parse_object(to_wire_json(*asked));
      ASSERT_TRUE(written) << seed;
      // What was written is understood, and says the same there.
      const auto back = translate(*written, to, to == openai_chat ? ollama_chat : openai_chat);
      if (!back) continue;  // what only one of them says: a choice of tools
      const auto again = translate(*back, to == openai_chat ? ollama_chat : openai_chat, to);
      ASSERT_TRUE(again) << seed;
      json same = as_values(*again);
      same.erase("stream_options");
      json first = as_values(*written);
      first.erase("stream_options");
      if (to == openai_chat) {
        ASSERT_EQ(same, first) << seed;
      }
    }
  }
  EXPECT_GT(translated, 400u);
}

TEST(ThereAndBackAgain, TakesEveryTaskOfTheCorpus) {
  std::ifstream file(TASKLANE_SOURCE_DIR "/tests/corpus/tasklane.jsonl");
  unsigned tasks = 0;
  for (std::string line; std::getline(file, line);) {
    const json recorded = json::parse(line);
    if (recorded["label"] == "chat") continue;
    const Dialect from = endpoint_of("POST", recorded["path"].get<std::string>()).dialect;
    const Dialect to = from == ollama_chat ? openai_chat : ollama_chat;
    const json body = json::parse(recorded["body"].get<std::string>());
    ASSERT_EQ(said_in(from, to, said_in(to, from, body)), body) << recorded["id"];
    ++tasks;
  }
  EXPECT_EQ(tasks, 240u);
}

// --- The answers ---

Answer taken(Dialect dialect, const json& object) {
  AnswerAssembler read(dialect);
  read.feed(object.dump() + "\n");
  read.finish();
  EXPECT_EQ(read.state(), StreamState::complete) << read.problem();
  return read.answer();
}

const json ollama_answer = json::parse(R"({"model":"u","created_at":"2026-11-25T09:41:38Z",
  "message":{"role":"assistant","content":"hi","thinking":"hm",
    "tool_calls":[{"function":{"name":"clock","arguments":{"zone":"UTC"}}}]},
  "done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":3})");

const json openai_answer =
    json::parse(R"({"id":"x","object":"chat.completion","created":1,"model":"u","choices":[
  {"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","content":"hi","reasoning_content":"hm",
    "tool_calls":[{"id":"c1","type":"function","function":{"name":"clock","arguments":"{\"zone\":\"UTC\"}"}}]}}],
  "usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":8}}})");

TEST(AnAnswerOfAnotherDialect, HasItsTextThoughtsCallsEndAndFiguresInEachForm) {
  for (const auto& [from, object] :
       {std::pair{ollama_chat, ollama_answer}, std::pair{openai_chat, openai_answer}}) {
    const Answer answer = taken(from, object);
    for (const Dialect to : {ollama_chat, openai_chat, openai_responses}) {
      for (const bool stream : {false, true}) {
        AnswerAssembler read(to);
        read.feed(render(answer, {to, stream, true, "asked"}).body);
        read.finish();
        ASSERT_EQ(read.state(), StreamState::complete) << to_text(to);
        const Answer& written = read.answer();
        EXPECT_EQ(written.content, "hi") << to_text(to);
        EXPECT_EQ(written.thinking, "hm") << to_text(to);
        ASSERT_EQ(written.tool_calls.size(), 1u) << to_text(to) << stream;
        EXPECT_EQ(written.tool_calls[0].name, "clock");
        EXPECT_EQ(json::parse(written.tool_calls[0].arguments), (json{{"zone", "UTC"}}));
        EXPECT_EQ(written.tool_calls[0].id.empty(), from == ollama_chat && to == ollama_chat)
            << to_text(from);
        EXPECT_EQ(written.finish_reason, to == openai_chat ? "tool_calls" : "stop") << to_text(to);
        EXPECT_EQ(written.figures.prompt_tokens, 10u);
        EXPECT_EQ(written.figures.generated_tokens, 3u);
        EXPECT_EQ(written.figures.cached_tokens.value_or(0),
                  from == openai_chat && to != ollama_chat ? 8u : 0u);
      }
    }
  }
}

TEST(AnAnswerOfAnotherDialect, SaysWhyItEnded) {
  const auto ends = [](const std::string& reason, Dialect to) {
    Answer answer;
    answer.content = "hi";
    answer.finish_reason = reason;
    return json::parse(render(answer, {to, false, false, "m"}).body);
  };
  EXPECT_EQ(ends("length", ollama_chat).at("done_reason"), "length");
  EXPECT_EQ(ends("length", openai_chat).at("choices")[0].at("finish_reason"), "length");
  EXPECT_EQ(ends("length", openai_responses).at("status"), "incomplete");
  EXPECT_EQ(ends("content_filter", openai_responses).at("incomplete_details").at("reason"), "content_filter");
  EXPECT_EQ(ends("content_filter", openai_chat).at("choices")[0].at("finish_reason"), "content_filter");
  EXPECT_EQ(ends("unload", openai_chat).at("choices")[0].at("finish_reason"), "stop");
  EXPECT_EQ(ends("tool_calls", ollama_chat).at("done_reason"), "stop");
}

TEST(AnAnswerOfAnotherDialect, HasItsCallsAmongTheEventsOfAResponse) {
  const std::string events =
      render(taken(ollama_chat, ollama_answer), {openai_responses, true, false, "m"}).body;
  EXPECT_NE(events.find("event: response.function_call_arguments.done"), std::string::npos) << events;
}

TEST(AnAnswerOfAnotherDialect, CallsNoToolWithArgumentsThatBreakOff) {
  json cut = openai_answer;
  cut["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] = "{\"zone\":\"U";
  cut["choices"][0]["finish_reason"] = "length";
  const json body = json::parse(render(taken(openai_chat, cut), {ollama_chat, false, false, "m"}).body);
  EXPECT_FALSE(body.at("message").contains("tool_calls"));
  EXPECT_EQ(body.at("done_reason"), "length");
}

TEST(AnErrorOfAnotherDialect, IsToldInTheServersWords) {
  EXPECT_EQ(error_message(R"({"error":"no such model"})"), "no such model");
  EXPECT_EQ(error_message(R"({"error":{"message":"slow down","code":429}})"), "slow down");
  EXPECT_EQ(error_message(R"({"object":"error","message":"too long"})"), "too long");
  for (const char* none : {"<html>", "[]", "{}", R"({"error":7})", R"({"error":{"message":7}})"})
    EXPECT_EQ(error_message(none), "") << none;
}

}  // namespace
}  // namespace tasklane
