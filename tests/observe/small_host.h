// Somebody who chats with a simulated model of known rates while a front end asks for titles and follow-ups,
// in virtual time, written down packet by packet.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "observe/talk.h"
#include "tools/modelsim/dialect_answer.h"
#include "tools/observe/trace.h"
#include "tools/simulate/world.h"

namespace tasklane::observe {

inline sim::EngineOptions known_rates() {
  sim::EngineOptions engine;
  engine.flavour = sim::Flavour::llama;
  engine.slots = 1;
  engine.prefill_rate = 400;
  engine.decode_rate = 25;
  engine.batch = 2048;
  return engine;
}

class SmallHost {
 public:
  explicit SmallHost(const sim::EngineOptions& engine = known_rates(), int conversations = 12)
      : model_(world_, engine), flavour_(engine.flavour), conversations_(conversations) {
    next_conversation();
    world_.run(std::chrono::hours(48));
  }

  Packets packets;

 private:
  using Json = nlohmann::ordered_json;
  static constexpr int turns = 4;

  static std::string words(const std::string& word, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += word + std::to_string(i % 7) + " ";
    return text;
  }
  [[nodiscard]] std::int64_t now_ms() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(world_.now().time_since_epoch()).count();
  }

  void ask(const Json& body, std::size_t tokens, std::function<void()> done) {
    const auto talk = std::make_shared<Talk>("10.0.0.1", port_++, "10.0.0.2");
    packets += talk->opening(now_ms());
    const bool ollama = flavour_ == sim::Flavour::ollama;
    packets += talk->client(now_ms(), post(ollama ? "/api/chat" : "/v1/chat/completions", body.dump()));
    const auto said = std::make_shared<sim::GenerationRequest>(
        sim::parse_generation(ollama ? Dialect::ollama_chat : Dialect::openai_chat, body.dump(), flavour_)
            .value());
    const auto begun = std::make_shared<bool>(false);
    sim::Work work = said->work;
    model_.submit(std::move(work), tokens,
                  {[this, talk, said, begun] {
                     if (!said->stream) return;
                     if (!std::exchange(*begun, true))
                       packets += talk->server(now_ms(), "HTTP/1.1 200 OK\r\nContent-Type: " +
                                                             std::string(sim::stream_content_type(*said)) +
                                                             "\r\nTransfer-Encoding: chunked\r\n\r\n");
                     packets += talk->server(now_ms(), chunk(sim::stream_piece(*said, 1, "word ")));
                   },
                   [this, talk, said, done = std::move(done)](const sim::Usage& usage) {
                     if (said->stream) {
                       packets += talk->server(
                           now_ms(), chunk(sim::stream_end(*said, 1, usage, flavour_)) + "0\r\n\r\n");
                     } else {
                       const std::string answer = sim::whole_answer(*said, 1, "{}", usage, flavour_);
                       packets += talk->server(
                           now_ms(), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                                         std::to_string(answer.size()) + "\r\n\r\n" + answer);
                     }
                     packets += talk->fin(1, now_ms());
                     packets += talk->fin(0, now_ms());
                     done();
                   }});
  }

  void task(const char* key, const std::string& shape, std::size_t tokens) {
    std::string history;
    for (const Json& message : messages_)
      if (message["role"] != "system")
        history += (message["role"] == "user" ? "USER: " : "ASSISTANT: ") +
                   message["content"].get<std::string>() + "\n";
    const std::string prompt = "### Task:\nDo this well.\n### Output:\nJSON format: { \"" + std::string(key) +
                               "\": " + shape + " }\n### Chat History:\n<chat_history>\n" + history +
                               "</chat_history>";
    ask({{"model", "m"}, {"stream", false}, {"messages", {{{"role", "user"}, {"content", prompt}}}}}, tokens,
        [] {});
  }

  void next_conversation() {
    if (conversations_-- == 0) return;
    messages_ = Json::array({{{"role", "system"}, {"content", words("rule", 400)}}});
    turn_ = 0;
    send();
  }
  void send() {
    messages_.push_back(
        {{"role", "user"},
         {"content", words("ask" + std::to_string(conversations_) + "x" + std::to_string(turn_), 20)}});
    if (turn_ == 0) task("title", "\"a title\"", 12);
    world_.after(std::chrono::milliseconds(5), [this] {
      ask({{"model", "m"}, {"stream", true}, {"messages", messages_}}, 60, [this] { answered(); });
    });
  }
  void answered() {
    messages_.push_back({{"role", "assistant"}, {"content", words("word", 40)}});
    task("follow_ups", "[\"one\", \"two\"]", 30);
    task("tags", "[\"one\", \"two\"]", 15);
    ++turn_;
    // Sometimes at once, sometimes after a while.
    const Duration pause = std::chrono::milliseconds(turn_ % 2 == 1 ? 2500 : 15000);
    world_.after(pause, [this] { turn_ < turns ? send() : next_conversation(); });
  }

  simulate::World world_;
  simulate::Server model_;
  sim::Flavour flavour_;
  int conversations_;
  int turn_ = 0;
  unsigned port_ = 20000;
  Json messages_;
};

inline Trace trace_of(const Packets& packets) {
  return trace_of(Watched(packets).observation.observer(), "a small host");
}

}  // namespace tasklane::observe
