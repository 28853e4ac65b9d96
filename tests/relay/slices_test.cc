// A long background prompt is prefilled bit by bit, where the model server shows that it keeps the bits.
#include "relay/lanes_fixture.h"

namespace tasklane {
namespace {

class SlicesOnTheWire : public LanesOnTheWire {
 protected:
  static constexpr double tokens_a_second = 300;

  void SetUp() override {
    start_with(R"({"lane": "background", "settle": "0s", "quiet": "20ms", "coalesce": false, "max_wait": ")" +
               max_wait() + R"("})");
    tasks_.emplace(client());
  }
  [[nodiscard]] virtual std::string max_wait() const { return "30s"; }
  static std::string long_text() {
    std::string text;
    for (int i = 0; i < 600; ++i) text += "rice ";
    return text;
  }
  static std::size_t length(const Json& request) {
    return request["messages"][0]["content"].get<std::string>().size();
  }
  // As Ollama tells it: all tokens of the prompt, and the time of those that it had to compute.
  static void answer_with_figures(Peer& server, const Json& request, std::size_t cached_bytes) {
    const double tokens = std::max(static_cast<double>(length(request)) / 4, 1.0);
    const double computed = tokens - static_cast<double>(cached_bytes) / 4;
    const Json last{{"model", "big"},
                    {"message", {{"role", "assistant"}, {"content", R"({"title": "Rice"})"}}},
                    {"done", true},
                    {"done_reason", "stop"},
                    {"prompt_eval_count", static_cast<int>(tokens)},
                    {"prompt_eval_duration", static_cast<std::int64_t>(computed / tokens_a_second * 1e9)}};
    server.send(answer(last.dump() + "\n"));
  }
  // Answers slices and then the whole, as a server that keeps a prompt's beginning, or none.
  static void answer_to_the_whole(Peer& server, bool keeps) {
    std::size_t before = 0;
    Json asked = receive_request(server);
    while (asked["options"]["num_predict"] == 1) {
      answer_with_figures(server, asked, before);
      if (keeps) before = length(asked);
      asked = receive_request(server);
    }
    answer_with_figures(server, asked, before);
  }
  // The first title shows how fast the server is.
  Peer after_a_first_title() {
    tasks_->send(title(long_text()));
    Peer server = model.accept();
    answer_to_the_whole(server, true);
    receive_answer(*tasks_);
    return server;
  }
  std::uint64_t sliced(Lane lane = Lane::background) {
    return in_relay([&] { return admission().counters().at(lane).sliced; });
  }
  std::optional<Peer> tasks_;
};

TEST_F(SlicesOnTheWire, AServerThatKeepsItsPrefixIsAskedInSlicesThenWhole) {
  Peer server = after_a_first_title();
  tasks_->send(title(long_text()));
  std::size_t before = 0;
  Json asked = receive_request(server);
  while (asked["options"]["num_predict"] == 1) {
    EXPECT_GT(length(asked), before);
    EXPECT_LE(length(asked) - before, 450u) << "more than a slice's work";
    answer_with_figures(server, asked, before);
    before = length(asked);
    asked = receive_request(server);
  }
  EXPECT_GT(before, 1500u);
  EXPECT_GE(sliced(), 3u);
  answer_with_figures(server, asked, before);
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(*tasks_)));
}

// llama-server promises to keep a connection, and closes it behind each streamed answer.
TEST_F(SlicesOnTheWire, ATaskUnderWhichAKeptConnectionEndsIsAskedOnANewOne) {
  for (const bool reset : {true, false}) {
    Peer server = after_a_first_title();
    tasks_->send(title(long_text()));
    receive_request(server);
    if (reset)
      server.reset();
    else
      server.close();
    Peer anew = model.accept();
    answer_to_the_whole(anew, true);
    EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(*tasks_)));
    anew.reset();
  }
  EXPECT_EQ(2u, counters().upstream_reconnects);
}

TEST_F(SlicesOnTheWire, ASliceOnItsWayEndsWithABypassAndTheWholeIsAskedAtOnce) {
  Peer server = after_a_first_title();
  tasks_->send(title(long_text()));
  ASSERT_EQ(1, receive_request(server)["options"]["num_predict"]);
  bypass(true);
  EXPECT_TRUE(server.sees_close());
  Peer anew = model.accept();
  const Json whole = receive_request(anew);
  EXPECT_NE(1, whole["options"]["num_predict"]);
  answer_with_figures(anew, whole, 0);
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(*tasks_)));
}

TEST_F(SlicesOnTheWire, AServerThatKeepsNothingIsSoonAskedWhole) {
  Peer server = after_a_first_title();
  const std::uint64_t kept = sliced();
  for (int round = 0; round < 3; ++round) {
    tasks_->send(title(long_text()));
    answer_to_the_whole(server, false);
    receive_answer(*tasks_);
  }
  const std::uint64_t tried = sliced();
  EXPECT_LE(tried, kept + 8);
  tasks_->send(title(long_text()));
  EXPECT_NE(1, receive_request(server)["options"]["num_predict"]);
  EXPECT_EQ(tried, sliced());
}

TEST_F(SlicesOnTheWire, AChatEndsARunningSliceAndTheTitleStillComes) {
  Peer server = after_a_first_title();
  tasks_->send(title(long_text()));
  ASSERT_EQ(1, receive_request(server)["options"]["num_predict"]);
  Peer person = client();
  person.send(chat);
  EXPECT_TRUE(server.sees_close());
  Peer second = model.accept();
  EXPECT_EQ("How do I cook rice?", receive_request(second)["messages"][0]["content"]);
  second.send(answer("{}"));
  person.receive(answer("{}").size());
  answer_to_the_whole(second, true);
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(*tasks_)));
}

class SlicesBehindAChat : public SlicesOnTheWire {
 protected:
  void SetUp() override {
    start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original", "rewarm": true}},
             "rules": [{"name": "tasks", "when": {"class": "title"},
                        "then": {"lane": "background", "settle": "0s", "quiet": "20ms"}}])");
    tasks_.emplace(client());
  }
};

TEST_F(SlicesBehindAChat, ItTellsHowFastTheServerIsForTheVeryFirstTitle) {
  const auto asked = [](const Json& body, const std::string& fields = "") {
    return post("/v1/chat/completions", body.dump(), fields);
  };
  const std::string said = answer(
      R"({"choices":[{"message":{"role":"assistant","content":"With water."},"finish_reason":"stop"}],)"
      R"("timings":{"cache_n":20,"prompt_n":900,"prompt_ms":3000}})");
  Peer person = client();
  person.send(
      asked({{"model", "big"}, {"messages", {{{"role", "user"}, {"content", "How do I cook rice?"}}}}}));
  Peer server = model.accept();
  receive_request(server);
  server.send(said);
  EXPECT_EQ(said, person.receive(said.size()));
  tasks_->send(asked({{"model", "big"}, {"messages", title_body(long_text())["messages"]}},
                     "X-OpenWebUI-Task: title_generation\r\n"));
  const Json first = receive_request(server);
  EXPECT_EQ(1, first["max_tokens"]);
  EXPECT_LE(length(first), 400u) << "a quarter of a second, at 300 tokens a second and four bytes a token";
}

TEST_F(SlicesOnTheWire, AServerOfWhichNothingIsKnownIsTriedWithASmallOne) {
  tasks_->send(title(long_text()));
  Peer server = model.accept();
  const Json asked = receive_request(server);
  EXPECT_EQ(1, asked["options"]["num_predict"]);
  EXPECT_LE(length(asked), 600u);
  stream_answer(server, "x");  // tells nothing
  EXPECT_NE(1, receive_request(server)["options"]["num_predict"]);
}

TEST_F(SlicesOnTheWire, AnUnknownServerOnAMachineOfItsOwnIsAskedWhole) {
  reload(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "task": {"url": ")" +
         task.url() + R"(", "own_compute": true}}, "rules": [{"name": "tasks", "when": {"class": "title"},
         "then": {"route": ["task"], "lane": "background", "settle": "0s"}}])");
  tasks_.emplace(client());  // a request keeps the configuration under which its reading began
  tasks_->send(title(long_text()));
  Peer server = task.accept();
  EXPECT_NE(1, receive_request(server)["options"]["num_predict"]);
}

class SlicesOfSuggestions : public SlicesOnTheWire {
 protected:
  void SetUp() override {
    start_with(R"({"lane": "keystroke"})");
    tasks_.emplace(client());
  }
};

TEST_F(SlicesOfSuggestions, AreAskedOfWhatTheServerHasNotReadForTheLastOne) {
  tasks_->send(typing(long_text()));
  Peer server = model.accept();
  answer_to_the_whole(server, true);
  receive_answer(*tasks_);
  const std::uint64_t before = sliced(Lane::keystroke);
  tasks_->send(typing("another text: " + long_text()));
  answer_to_the_whole(server, true);
  receive_answer(*tasks_);
  const std::uint64_t cold = sliced(Lane::keystroke);
  EXPECT_GE(cold, before + 3);
  tasks_->send(typing("another text: " + long_text() + "and then"));
  EXPECT_FALSE(receive_request(server)["options"].contains("num_predict")) << "whole";
  EXPECT_EQ(cold, sliced(Lane::keystroke));
}

class SlicesBesideAChat : public SlicesOnTheWire {
 protected:
  [[nodiscard]] std::string max_wait() const override { return "500ms"; }
};

TEST_F(SlicesBesideAChat, AreATokensTimeLongSoThatItsAnswerDoesNotStandStill) {
  Peer server = after_a_first_title();
  Peer person = client();
  person.send(chat);
  receive_request(server);  // and is being answered
  tasks_->send(title(long_text()));
  Peer beside = model.accept();
  std::size_t before = length(receive_request(beside));
  for (int part = 0; part < 5; ++part) {
    answer_with_figures(beside, {{"messages", {{{"content", std::string(before, 'a')}}}}}, before * 9 / 10);
    const Json next = receive_request(beside);
    EXPECT_EQ(1, next["options"]["num_predict"]);
    EXPECT_LE(length(next) - before, 60u);
    before = length(next);
  }
}

}  // namespace
}  // namespace tasklane
