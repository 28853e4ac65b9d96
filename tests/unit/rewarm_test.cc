// Requests asked again for the cache's sake, and asked ahead of a chat.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "shaper/task/rewarm.h"

namespace tasklane {
namespace {

using nlohmann::json;

TEST(Rewarm, AsksTheChatsOwnPromptForOneToken) {
  const std::string chat =
      R"({"model":"m","messages":[{"role":"user","content":"ü"}],"options":{"num_ctx":8192,"num_predict":-1},"tools":[{"a":1}],"think":true,"stream":true})";
  const auto body = rewarm_body(chat, Dialect::ollama_chat);
  ASSERT_TRUE(body);
  json expected = json::parse(chat);
  expected["options"]["num_predict"] = 1;
  EXPECT_EQ(json::parse(*body), expected);
}

TEST(Rewarm, IsNotForAModelThatIsUnloadedBehindItsChat) {
  const auto stays = [reader = std::make_unique<BodyReader>()](std::string_view body) {
    return stays_loaded(reader->read(body, Dialect::ollama_chat, {}));
  };
  for (const std::string_view gone :
       {R"({"model":"m","messages":[],"keep_alive":0})", R"({"model":"m","messages":[],"keep_alive":"0s"})",
        R"({"model":"big:120b-cloud","messages":[]})"})
    EXPECT_FALSE(stays(gone)) << gone;
  BodyReader reader;
  EXPECT_TRUE(unloads(reader.read(R"({"model":"m","keep_alive":0})", Dialect::ollama_generate)));
  EXPECT_FALSE(unloads(reader.read(R"({"model":"big:120b-cloud"})", Dialect::ollama_generate)));
  for (const std::string_view kept :
       {R"({"model":"m","messages":[]})", R"({"model":"m","messages":[],"keep_alive":-1})",
        R"({"model":"cloudy","messages":[],"keep_alive":"10m"})"})
    EXPECT_TRUE(stays(kept)) << kept;
}

TEST(Rewarm, InOpenaisDialectLowersTheLimitThatTheChatUses) {
  const json body = json::parse(*rewarm_body(
      R"({"stream":true,"messages":[],"max_completion_tokens":900,"n":2})", Dialect::openai_chat));
  EXPECT_EQ(body, json::parse(R"({"stream":true,"messages":[],"max_completion_tokens":1,
      "stream_options":{"include_usage":true}})"));
  EXPECT_EQ(json::parse(*rewarm_body("{}", Dialect::openai_chat)).at("max_tokens"), 1);
  EXPECT_TRUE(rewarm_body("", Dialect::openai_chat).has_error());
}

TEST(Prewarm, KeepsWhatTheNextChatWillShare) {
  const auto requests =
      prewarm_requests({{R"({"stream":true,"model":"m","messages":[{"role":"system","content":"be kind"},
            {"role":"user","content":"secret"},{"role":"system","content":"late"},{"role":"user","content":"y"}],
            "tools":[{"type":"function"}],"response_format":{"type":"text"},"max_tokens":900})",
                         Dialect::openai_chat}});
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(json::parse(requests[0].body), json::parse(R"({"stream":true,"model":"m","messages":[
      {"role":"system","content":"be kind"},{"role":"user","content":"."}],"tools":[{"type":"function"}],
      "max_tokens":1,"stream_options":{"include_usage":true}})"));
  EXPECT_EQ(requests[0].dialect, Dialect::openai_chat);
}

TEST(Prewarm, AsksEachCommonPartOnceAndNoMoreThanAllowed) {
  const auto chat = [](const std::string& model, const std::string& text) {
    return json({{"model", model}, {"messages", {{{"role", "user"}, {"content", text}}}}}).dump();
  };
  const std::string a1 = chat("a", "one");
  const std::string a2 = chat("a", "two");
  const std::string b = chat("b", "three");
  const std::string c = chat("c", "four");
  const std::vector<PrewarmSource> chats{{a1, Dialect::ollama_chat},
                                         {"broken", Dialect::ollama_chat},
                                         {a2, Dialect::ollama_chat},
                                         {b, Dialect::ollama_chat},
                                         {c, Dialect::ollama_chat}};
  const auto requests = prewarm_requests(chats, 2);
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(json::parse(requests[0].body).at("model"), "a");
  EXPECT_EQ(json::parse(requests[1].body).at("model"), "b");
  EXPECT_EQ(prewarm_requests(chats).size(), 3u);
}

}  // namespace
}  // namespace tasklane
