// Ten thousand chats, and requests of programs, made from parts that tasks share: not one is taken for a
// task, while the tasks among them are found.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;

constexpr std::array<const char*, 12> subjects{"the leaking gutter",
                                               "meine Steuererklärung",
                                               "le levain",
                                               "la bicicleta",
                                               "старый утюг",
                                               "発酵した味噌",
                                               "阳台的薄荷",
                                               "오래된 피아노",
                                               "العود",
                                               "बगीचे की मिट्टी",
                                               "σκόρδα",
                                               "the build that fails on Fridays"};
constexpr std::array<const char*, 10> asks{"How do I repair ",
                                           "Was mache ich mit ",
                                           "Explique ",
                                           "Write a poem on ",
                                           "Make a table about ",
                                           "Что делать с ",
                                           "教えて: ",
                                           "Give me a title for ",
                                           "List five tags for ",
                                           "Answer in JSON {\"title\": \"\"} about "};
constexpr std::array<const char*, 8> openings{
    "",        "### Task:\n", "Please. ",         "### Context:\n",
    "Query: ", "USER: ",      "<chat_history>\n", "Here is the query:\n"};
constexpr std::array<const char*, 8> endings{"",
                                             "\n### Output:\nplain text",
                                             "\n</chat_history>",
                                             "\nSearch Query:",
                                             " Respond only in JSON.",
                                             "\n#### Output:",
                                             "\nASSISTANT:",
                                             "\nKeep it under 400 characters."};

class Writer {
 public:
  std::string text() {
    ++count_;
    return std::string(pick(openings)) + pick(asks) + pick(subjects) + ", no. " + std::to_string(count_) +
           pick(endings);
  }
  std::string long_text() {
    std::string all;
    for (unsigned i = below(40); i > 0; --i) all += text() + (below(3) == 0 ? "\n\n" : " ");
    return all + text();
  }
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

 private:
  template <std::size_t N>
  const char* pick(const std::array<const char*, N>& list) {
    return list[below(N)];
  }
  std::mt19937 random_{20261125};
  unsigned count_ = 0;
};

// A chat or a program's request of some kind; never a task.
Json a_chat(Writer& writer) {
  Json body;
  switch (writer.below(6)) {
    case 0:  // a first turn, streamed
      return chat_body({{"user", writer.long_text()}});
    case 1:  // later turns, not streamed
      return chat_body({{"user", writer.text()}, {"assistant", writer.text()}, {"user", writer.long_text()}},
                       false);
    case 2:  // not streamed, with tools
      body = chat_body({{"user", writer.text()}}, false);
      body["tools"] = Json::array({{{"type", "function"}}});
      return body;
    case 3:  // a person without streaming, with a system prompt
      return chat_body({{"system", writer.text()}, {"user", writer.text()}}, false);
    default:  // a script
      return task_body(writer.long_text());
  }
}

TEST(TenThousandChats, HoldNoneThatIsTakenForATask) {
  Writer writer;
  FrontEnd front_end;
  int task_shaped = 0;
  for (int i = 0; i < 10000; ++i) {
    const Json body = a_chat(writer);
    const Classification result = i % 2 == 0 ? front_end.ollama(body) : front_end.openai(body);
    ASSERT_FALSE(is_task(result.request_class))
        << i << " as " << to_text(result.request_class) << testing::PrintToString(result.reasons) << "\n"
        << body.dump();
    ASSERT_TRUE(result.unmasked.empty()) << i;
    task_shaped += result.task_shaped ? 1 : 0;
    front_end.wait(std::chrono::milliseconds(70));
  }
  EXPECT_GT(task_shaped, 3000) << "many of them have to look like tasks";
}

TEST(TenThousandChats, DoNotHideTheTasksAmongThem) {
  Writer writer;
  FrontEnd front_end;
  int found = 0;
  int right_typist = 0;
  constexpr int turns = 500;
  for (int i = 0; i < turns; ++i) {
    const std::string asked = writer.long_text();
    const auto chat = front_end.openai(chat_body({{"user", asked}}));
    for (int others = 0; others < 5; ++others) front_end.openai(a_chat(writer));
    const auto task =
        front_end.openai(task_body("Frag weiter: {\"follow_ups\": []}\n\nUSER: " + asked + "\nASSISTANT: "));
    found += task.request_class == RequestClass::follow_up ? 1 : 0;
    right_typist += task.typist == chat.typist ? 1 : 0;
  }
  EXPECT_GE(found, turns * 95 / 100);
  EXPECT_GE(right_typist, turns * 95 / 100);
}

}  // namespace
}  // namespace tasklane
