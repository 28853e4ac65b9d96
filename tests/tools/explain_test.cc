// `tasklane explain` as a person uses it: requests in, words or JSON out.
#include "tools/tasklane/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/tools/ran.h"

namespace tasklane {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

Ran explain(const std::string& input, const ExplainOptions& options, const Handle& handle = leave_alone) {
  return run_verb(input,
                  [&](auto& in, auto& out, auto& err) { return run_explain(options, handle, in, out, err); });
}

ExplainOptions lines_as_json() {
  ExplainOptions options;
  options.json_lines = true;
  options.json = true;
  return options;
}

const std::string framed_title =
    R"({"model":"m","messages":[{"role":"user","content":"### Task:\nName it. { \"title\": \"x\" }\n<chat_history>\nUSER: hi\n</chat_history>"}],"stream":false})";

TEST(Explain, SaysInWordsWhatARawRequestIs) {
  const std::string raw =
      "POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(framed_title.size()) +
      "\r\n\r\n" + framed_title;
  const Ran ran = explain(raw, {});
  EXPECT_EQ(ran.exit, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("POST /api/chat"));
  EXPECT_THAT(ran.out, HasSubstr("class     title"));
  EXPECT_THAT(ran.out, HasSubstr("evidence  pack open-webui/title"));
  EXPECT_THAT(ran.out, HasSubstr("asks for an object with the key \"title\" and no other"));
  EXPECT_THAT(ran.out, HasSubstr("rule      none"));
}

TEST(Explain, TakesHeadersAsPairsOrObjectsAndBodiesAsObjectsOrStrings) {
  const std::string body_as_string = Json(framed_title).dump();
  const Ran ran = explain(
      R"({"path":"/api/chat","headers":[["Host","x"]],"body":)" + framed_title + "}\n" +
          R"({"path":"/v1/chat/completions","headers":{"X-OpenWebUI-Task":"tags_generation"},"body":)" +
          body_as_string + "}\n\n" + R"({"method":"GET","path":"/api/tags","headers":{},"body":null})" + "\n",
      lines_as_json());
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const auto objects = ran.objects();
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["class"], "title");
  EXPECT_EQ(objects[0]["evidence"], "pack");
  EXPECT_EQ(objects[0]["route"], Json::array({"model"}));
  EXPECT_TRUE(objects[0]["rule"].is_null());
  EXPECT_EQ(objects[1]["class"], "tags");
  EXPECT_EQ(objects[1]["evidence"], "header");
  EXPECT_EQ(objects[2]["class"], "admin");
}

std::string custom_title_line(double t) {
  return R"({"t":)" + std::to_string(t) +
         R"(,"path":"/api/chat","headers":{},"body":{"model":"m","messages":[{"role":"user","content":"Titre en JSON {\"title\": \"\"}\nUSER: Comment tailler un vieux pommier en hiver ?\nASSISTANT: "}],"stream":false}})"
         "\n";
}
std::string chat_line(double t) {
  return R"({"t":)" + std::to_string(t) +
         R"(,"path":"/api/chat","headers":{},"body":{"model":"m","messages":[{"role":"user","content":"Comment tailler un vieux pommier en hiver ?"}],"stream":true}})"
         "\n";
}

TEST(Explain, ShowsTheClassThatTheLateEchoGives) {
  const auto objects = explain(custom_title_line(0) + chat_line(0.05), lines_as_json()).objects();
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0]["class"], "chat");
  EXPECT_EQ(objects[0]["class_late"], "title");
  EXPECT_FALSE(objects[1].contains("class_late"));
}

// The lanes that requests take with these rules.
std::vector<std::string> lanes(const std::string& input, const std::string& rules) {
  const Result<Config> config =
      parse_config(R"({"version": 1, "intercept": [{"port": 1}], "rules": )" + rules + "}", "test");
  EXPECT_TRUE(config.has_value()) << config.error().text();
  std::vector<std::string> taken;
  for (const Json& each : explain(input, lines_as_json(), [&](const DecideInput& one) {
                            return by_rules(*config, one);
                          }).objects())
    taken.push_back(each.at("lane"));
  return taken;
}

std::string title_line(const std::string& more = "") {
  std::string body = framed_title;
  body.insert(1, more);
  return R"({"path":"/api/chat","headers":{},"body":)" + body + "}\n";
}

const std::string titles_wait =
    R"([{"name": "r", "when": {"class": ["title", "task"]}, "then": {"quiet": "2s"}}])";

TEST(Explain, SaysWhichLaneIsTakenAndNotWhichTheClassHas) {
  EXPECT_EQ(explain(title_line(), lines_as_json()).objects()[0]["lane"], "interactive") << "without rules";
  EXPECT_THAT(lanes(title_line(), titles_wait), ElementsAre("background"));
  EXPECT_THAT(lanes(title_line(), R"([{"name": "r", "then": {"lane": "keystroke"}}])"),
              ElementsAre("keystroke"));
  EXPECT_THAT(lanes(title_line(), R"([{"name": "r", "then": {"patch": {"a": 1}}}])"),
              ElementsAre("interactive"))
      << "a rule without a word of lanes";
  EXPECT_THAT(lanes(title_line(), R"([{"name": "r", "when": {"class": "tags"}, "then": {"hold": true}}])"),
              ElementsAre("interactive"));
}

TEST(Explain, SaysThatWhatCannotBeHandledAsATaskGoesAtOnce) {
  const std::string headed =
      R"({"path":"/api/chat","headers":{"X-OpenWebUI-Task":"title_generation"},"body":)";
  EXPECT_THAT(lanes(headed + framed_title + "}\n", titles_wait), ElementsAre("background"));
  EXPECT_THAT(lanes(headed + "\"{no json\"}\n", titles_wait), ElementsAre("interactive"));
  EXPECT_THAT(lanes(title_line(R"("n":2,)"), titles_wait), ElementsAre("interactive"));
}

TEST(Explain, SaysTheLaneInWhichALateTaskWaits) {
  const std::string input = custom_title_line(0) + chat_line(0.05);
  EXPECT_THAT(lanes(input, titles_wait), ElementsAre("background", "interactive"));
  EXPECT_THAT(lanes(input, R"([{"name": "r", "when": {"class": "title"}, "then": {"lane": "blocking"}}])"),
              ElementsAre("blocking", "interactive"));
  EXPECT_THAT(lanes(input, "[]"), ElementsAre("interactive", "interactive"));
}

TEST(Explain, SaysInWordsWhyARequestDoesNotWaitAsItsRuleSays) {
  const Result<Config> config =
      parse_config(R"({"version": 1, "intercept": [{"port": 1}], "rules": )" + titles_wait + "}", "test");
  ExplainOptions words = lines_as_json();
  words.json = false;
  const auto in_words = [&](const std::string& input) {
    return explain(input, words, [&](const DecideInput& one) { return by_rules(*config, one); }).out;
  };
  EXPECT_THAT(in_words(title_line()), HasSubstr("lane      background\n"));
  EXPECT_THAT(
      in_words(title_line(R"("n":2,)")),
      HasSubstr("lane      interactive, whatever the rule says: more is asked for than one answer's text\n"));
}

TEST(Explain, SaysWhereATaskGoesOnlyWhileItsModelIsLoaded) {
  const Result<Config> config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}], "upstreams": {"model": {"address": "original"},
          "small": {"address": "original", "model": "s", "only_if": "resident"}},
          "rules": [{"name": "r", "when": {"class": "title"}, "then": {"lane": "background", "route": ["small", "model"]}}]})",
      "test");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  ExplainOptions words = lines_as_json();
  words.json = false;
  const Handle handle = [&](const DecideInput& one) { return by_rules(*config, one); };
  EXPECT_THAT(
      explain(title_line(), words, handle).out,
      HasSubstr("goes to small, else to model; at small the model is s, and only while it is loaded there"));
}

TEST(Explain, SaysHowCertainItIsAndWhatMayBeDone) {
  const std::string line = R"({"path":"/api/chat","headers":{},"body":)" + framed_title + "}\n";
  const auto named = explain(line, lines_as_json()).objects().at(0);
  EXPECT_EQ(named["certainty"], "named");
  EXPECT_EQ(named["may"], Json::array({"wait", "cancel", "constrain", "cap", "answer", "share", "redirect"}));
  ExplainOptions words;
  words.json_lines = true;
  const std::string title = explain(line, words).out;
  EXPECT_THAT(title, HasSubstr("certainty named"));
  EXPECT_THAT(title, HasSubstr("may wait for chats: a header names it, or a pack entry matched whole"));
  const std::string chat = explain(chat_line(0), words).out;
  EXPECT_THAT(chat, HasSubstr("certainty none"));
  EXPECT_THAT(chat, HasSubstr("may not wait for chats: nothing shows that it is a task"));
}

// A chat that is answered for so many seconds.
std::string chat_line_for(double seconds) {
  std::string line = chat_line(0);
  return line.insert(1, "\"dur\":" + std::to_string(seconds) + ",");
}

TEST(Explain, KnowsByItsLineWhenAChatHasEnded) {
  const auto second = [](const std::string& chat, double title_at) {
    return explain(chat + custom_title_line(title_at), lines_as_json()).objects().at(1);
  };
  EXPECT_EQ(second(chat_line_for(1), 2)["certainty"], "contract");
  EXPECT_EQ(second(chat_line_for(1), 2)["may"], Json::array({"wait", "cancel", "constrain", "redirect"}));
  EXPECT_EQ(second(chat_line_for(5), 2)["certainty"], "echo") << "beside the running chat";
  EXPECT_EQ(second(chat_line_for(5), 2)["class"], "chat");
  EXPECT_EQ(second(chat_line_for(1), 4.1)["may"], Json::array()) << "long behind it";
  EXPECT_EQ(second(chat_line(0), 30)["certainty"], "contract") << "it has ended when the next line comes";
}

TEST(Explain, TellsWhatARulePutsIntoALane) {
  const auto config = parse_config(
      R"({"version": 1, "intercept": [{"port": 1}], "packs": ["open-webui"], "rules": [{"name": "job",
          "when": {"client": "10.0.0.7/32"}, "then": {"lane": "background"}}]})",
      "test");
  ASSERT_TRUE(config.has_value()) << config.error().text();
  const Handle handle = [&](const DecideInput& input) { return by_rules(*config, input); };
  std::string job = chat_line(0);
  job.insert(1, "\"client\":\"10.0.0.7\",");
  const auto objects = explain(job + chat_line(1), lines_as_json(), handle).objects();
  EXPECT_EQ(objects.at(0)["class"], "chat");
  EXPECT_EQ(objects.at(0)["lane"], "background");
  EXPECT_EQ(objects.at(0)["may"], Json::array({"wait", "cancel"}));
  EXPECT_EQ(objects.at(1)["lane"], "interactive");
  EXPECT_EQ(objects.at(1)["may"], Json::array());
}

TEST(Explain, SaysWhichTaskWouldBeAskedAsItsChatsNextMessageAndWhyAnotherWouldNot) {
  const auto grafts = [](const std::string& input, bool on = true) {
    const auto config = parse_config(
        std::string(R"({"version": 1, "intercept": [{"port": 1}], "packs": ["open-webui"],
            "upstreams": {"model": {"address": "original", "graft": )") +
            (on ? "true" : "false") +
            R"(}}, "rules": [{"name": "r", "when": {"class": ["title", "task"]}, "then": {"quiet": "2s"}}]})",
        "test");
    const Handle handle = [&](const DecideInput& decided) { return by_rules(*config, decided); };
    return explain(input, lines_as_json(), handle).objects().back().value("graft", "nothing");
  };
  const auto chat = [](const std::string& said) {
    return R"({"id":"c","path":"/api/chat","headers":{},"body":{"model":"m","messages":[{"role":"user","content":")" +
           said + "\"}]}}\n";
  };
  EXPECT_THAT(grafts(chat("hi") + title_line()),
              testing::StartsWith("as the next message of the chat in request c"));
  EXPECT_EQ(grafts(chat("something else") + title_line()),
            "no: it quotes another chat than the server's last one");
  EXPECT_THAT(grafts(title_line()), testing::StartsWith("no: no chat"));
  EXPECT_THAT(grafts(chat("hi") + title_line(), false), testing::StartsWith("no: its upstream"));
  EXPECT_EQ(grafts(title_line() + chat("hi")), "nothing");
}

TEST(Explain, GoesByTheTimesThatAreGiven) {
  const auto late = explain(chat_line(0) + custom_title_line(590), lines_as_json()).objects();
  EXPECT_EQ(late[1]["class"], "title");
  const auto too_late = explain(chat_line(0) + custom_title_line(700), lines_as_json()).objects();
  EXPECT_EQ(too_late[1]["class"], "chat");
  const auto another = explain(chat_line(100) + custom_title_line(3), lines_as_json()).objects();
  EXPECT_EQ(another[1]["class"], "chat") << "time went back: another recording";
}

TEST(Explain, ScoresLabelsAndSetsAmbiguousOnesApart) {
  ExplainOptions options = lines_as_json();
  options.score = true;
  const std::string labelled =
      R"({"label":"title","path":"/api/chat","headers":{},"body":)" + framed_title + "}\n" +
      R"({"label":"chat","ambiguous":true,"path":"/api/chat","headers":{},"body":)" + framed_title + "}\n";
  const Ran good = explain(labelled, options);
  EXPECT_EQ(good.exit, 0);
  const Json score = Json::parse(good.out);
  EXPECT_EQ(score["requests"], 1);
  EXPECT_EQ(score["classes"]["title"]["recall"], 1.0);
  EXPECT_EQ(score["ambiguous"]["title"], 1);
  const Ran bad =
      explain(labelled + R"({"label":"chat","path":"/api/chat","headers":{},"body":)" + framed_title + "}\n",
              options);
  EXPECT_EQ(bad.exit, 1) << "a chat was taken for a task";
  EXPECT_EQ(Json::parse(bad.out)["confusion"]["chat"]["title"], 1);
  options.json = false;
  EXPECT_THAT(explain(labelled, options).out, HasSubstr("0 chats taken for a task"));
}

TEST(Explain, SaysWhereInputIsWrong) {
  const Ran no_path = explain(R"({"path":"/api/chat","headers":{},"body":{}})"
                              "\n{\"headers\":{}}\n",
                              lines_as_json());
  EXPECT_EQ(no_path.exit, 2);
  EXPECT_THAT(no_path.err, HasSubstr("standard input:2: \"path\" is missing"));
  EXPECT_EQ(explain("{\n", lines_as_json()).exit, 2);
  EXPECT_THAT(explain("hello", {}).err, HasSubstr("not an HTTP request"));
  ExplainOptions no_file;
  no_file.input = "/no/such/file";
  EXPECT_THAT(explain("", no_file).err, HasSubstr("/no/such/file: the file cannot be read"));
  ExplainOptions no_pack;
  no_pack.packs = {"nope"};
  EXPECT_THAT(explain("", no_pack).err, HasSubstr("no pack of the name \"nope\""));
}

}  // namespace
}  // namespace tasklane
