#include "tools/demo/play.h"

#include <array>
#include <future>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "tools/demo/ask.h"
#include "tools/demo/prompts.h"

namespace tasklane::demo {
namespace {

using namespace std::chrono_literals;

// As recorded of Open WebUI 0.12 (the title goes out a moment before its chat), and of a brisk reader.
constexpr auto title_leads_by = 30ms;
constexpr auto reads_until_typing_pauses = 600ms;
constexpr auto types_the_rest = 400ms;

constexpr std::array<std::array<const char*, 4>, 3> chats{{
    {"How do I cook rice for four?", "And if it turns out too wet?", "Can I keep some for tomorrow?",
     "What goes with it?"},
    {"Which bread keeps longest?", "How do I start a sourdough?", "How warm should it stand?", nullptr},
    {"What can I make of six eggs?", "Which of these is quickest?", "And without milk?", nullptr},
}};

class Player {
 public:
  explicit Player(std::uint16_t port) : port_(port) {}

  Played play() {
    for (const auto& questions : chats) {
      said_.clear();
      for (const char* question : questions)
        if (question != nullptr) turn(question);
    }
    for (std::future<void>& task : tasks_) task.get();
    return played_;
  }

 private:
  void turn(const std::string& question) {
    if (!said_.empty()) type(question);
    if (said_.empty()) {
      start([this, question] { do_task("title", "title", title_request(chat_model, question)); });
      std::this_thread::sleep_for(title_leads_by);
    }
    const Answer answer = ask(port_, chat_request(chat_model, said_, question));
    if (answer.whole) played_.first_tokens.push_back(answer.first_token);
    std::cerr << (answer.whole ? '.' : '!') << std::flush;
    said_.push_back({question, answer.text});
    const bool first = said_.size() == 1;
    start([this, said = said_, first] {
      do_task("follow_up", "follow_ups", follow_up_request(chat_model, said));
      if (first) do_task("tags", "tags", tags_request(chat_model, said));
    });
  }

  void type(const std::string& question) {
    std::this_thread::sleep_for(reads_until_typing_pauses);
    start([this, typed = question.substr(0, question.size() / 2)] {
      do_task("autocomplete", "text", autocomplete_request(chat_model, typed));
    });
    std::this_thread::sleep_for(types_the_rest);
  }

  template <class Work>
  void start(Work work) {
    tasks_.push_back(std::async(std::launch::async, std::move(work)));
  }

  void do_task(const char* name, const char* key, const std::string& body) {
    const Answer answer = ask(port_, body);
    const nlohmann::json said = nlohmann::json::parse(answer.text, nullptr, false);
    const std::scoped_lock lock(tally_);
    Tally& tally = played_.tasks[name];
    ++tally.asked;
    played_.task_delays.push_back(answer.total);
    if (answer.whole && said.is_object() && said.contains(key)) ++tally.answered;
  }

  std::uint16_t port_;
  Conversation said_;
  std::mutex tally_;
  Played played_;
  std::vector<std::future<void>> tasks_;
};

}  // namespace

Played play(std::uint16_t port) { return Player(port).play(); }

}  // namespace tasklane::demo
