// A task as the next message of the chat that it quotes: in every template that there is, and never of
// another chat.
#include "shaper/task/graft.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "shaper/dialect/body.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

const Time noon{std::chrono::hours(12)};

KeptChat kept(const OrderedJson& body, const std::string& answer, Dialect dialect) {
  KeptChat chat;
  chat.body = body.dump();
  chat.answer = KeptAnswer(answer);
  chat.dialect = dialect;
  chat.model = body["model"];
  chat.tenant = Tenant(1);
  chat.tokens = 900;
  chat.arrived = noon;
  chat.ended = noon + 5s;
  return chat;
}

struct Asking {
  OrderedJson body;
  Dialect dialect = Dialect::openai_chat;
  RequestClass request_class = RequestClass::title;
  Tenant tenant = Tenant(1);
  Time arrived = noon + 6s;
  std::uint64_t named_chat = 0;
  bool has_twins = false;
};

Result<Graft> grafted(const KeptChat& chat, const Asking& asking) {
  const std::string model = asking.body.value("model", "");
  return graft({chat, asking.body, asking.dialect, asking.request_class, model, asking.tenant, asking.arrived,
                asking.named_chat, asking.has_twins});
}

OrderedJson task_of(const std::string& prompt) {
  return {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", prompt}}}}, {"stream", true}};
}

OrderedJson chat_of(const std::string& question) {
  return {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", question}}}}, {"stream", true}};
}

const std::string bread = "Which bread keeps longest without going stale?";
const std::string sourdough = "Dense sourdough rye keeps best.";
const std::string prompt =
    "Name it.\n<chat_history>\nUSER: " + bread + "\nASSISTANT: " + sourdough + "\n</chat_history>";

TEST(AGraft, SaysTheSystemMessageOfATaskOnceWhereTheChatDoesNot) {
  OrderedJson asked = task_of(prompt);
  asked["messages"].insert(asked["messages"].begin(),
                           OrderedJson({{"role", "system"}, {"content", "Only JSON."}}));
  OrderedJson chat = chat_of(bread);
  const auto said = [&] {
    const Result<Graft> made = grafted(kept(chat, sourdough, Dialect::openai_chat), {asked});
    return made ? made->json["messages"].back()["content"].get<std::string>() : made.error().what;
  };
  EXPECT_EQ(said(), "Only JSON.\n\nName it.\n(the conversation above this message)");
  chat["messages"].insert(chat["messages"].begin(),
                          OrderedJson({{"role", "system"}, {"content", "Be kind. Only JSON."}}));
  EXPECT_EQ(said(), "Name it.\n(the conversation above this message)");
}

TEST(AGraft, IsMadeOfNoOtherChatThanAHeaderNames) {
  KeptChat chat = kept(chat_of(bread), sourdough, Dialect::openai_chat);
  Asking asking{task_of(prompt)};
  asking.named_chat = 7;
  EXPECT_TRUE(grafted(chat, asking)) << "of the chat nothing is known";
  chat.named_chat = 7;
  EXPECT_TRUE(grafted(chat, asking));
  chat.named_chat = 8;
  EXPECT_FALSE(grafted(chat, asking));
}

// Two people behind one front end that names neither, who click on the same suggestion.
TEST(AGraft, IsMadeOfNoneOfSeveralChatsThatBeganAlike) {
  KeptChat chat = kept(chat_of(bread), sourdough, Dialect::openai_chat);
  chat.first_words = Typist(5);
  KeptChats chats;
  const auto made = [&] {
    Asking asking{task_of(prompt)};
    asking.has_twins = chats.has_twins(chat, noon + 60s);
    return static_cast<bool>(grafted(chat, asking));
  };
  chats.came(Typist(5), true, noon);
  chats.came(Typist(5), false, noon + 20s);
  chats.came(Typist(6), true, noon + 21s);
  EXPECT_TRUE(made());
  chats.came(Typist(5), true, noon + 30s);
  EXPECT_FALSE(made());

  KeptChats later;  // an agent that began in the middle of the first one
  later.came(Typist(5), false, noon);
  EXPECT_FALSE(later.has_twins(chat, noon + 1s));
  later.came(Typist(5), true, noon + 9min);
  EXPECT_TRUE(later.has_twins(chat, noon + 10min));
  later.came(Typist(5), true, noon + 9min + KeptChats::oldest);
  EXPECT_FALSE(later.has_twins(chat, noon + 20min)) << "the others are long forgotten";
}

TEST(AGraft, IsMadeOfNothingThatIsInDoubt) {
  const KeptChat chat = kept(chat_of(bread), sourdough, Dialect::openai_chat);
  ASSERT_TRUE(grafted(chat, {task_of(prompt)}));
  EXPECT_FALSE(grafted(chat, {task_of(prompt), Dialect::openai_chat, RequestClass::title, Tenant(2)}));
  EXPECT_FALSE(grafted(chat, {task_of(prompt), Dialect::openai_chat, RequestClass::title, Tenant()}));
  EXPECT_FALSE(grafted(chat, {task_of(prompt), Dialect::ollama_chat}));
  for (const RequestClass other : {RequestClass::chat, RequestClass::compaction, RequestClass::moa,
                                   RequestClass::tool_selection, RequestClass::task, RequestClass::other})
    EXPECT_FALSE(grafted(chat, {task_of(prompt), Dialect::openai_chat, other}));
  OrderedJson other_model = task_of(prompt);
  other_model["model"] = "n";
  EXPECT_FALSE(grafted(chat, {other_model}));
  OrderedJson more = task_of(prompt);
  more["messages"].insert(more["messages"].begin(), OrderedJson({{"role", "user"}, {"content", "first"}}));
  EXPECT_FALSE(grafted(chat, {more}));
  EXPECT_FALSE(grafted(kept(chat_of(bread), "", Dialect::openai_chat), {task_of(prompt)})) << "no answer";
  EXPECT_FALSE(grafted(kept(chat_of(bread), "Another answer.", Dialect::openai_chat), {task_of(prompt)}));
}

TEST(AGraft, OfAFewWordsIsSureOnlyAroundItsChatsTime) {
  const KeptChat chat = kept(chat_of("hi"), "Hello!", Dialect::openai_chat);
  const OrderedJson asked = task_of("Name it.\nUSER: hi\nASSISTANT: \n");
  const auto at = [&](Time arrived) {
    return grafted(chat, {asked, Dialect::openai_chat, RequestClass::title, Tenant(1), arrived}).has_value();
  };
  EXPECT_TRUE(at(noon - 5ms));
  EXPECT_TRUE(at(noon + 7s));
  EXPECT_FALSE(at(noon - 2s));
  EXPECT_FALSE(at(noon + 9s));
}

TEST(AGraft, FitsTheContextOrIsNone) {
  OrderedJson chat = chat_of(bread);
  OrderedJson asked = task_of(prompt);
  asked["options"]["num_predict"] = 64;
  for (const auto& [context, fits] : std::map<int, bool>{{900, false}, {960, false}, {4096, true}}) {
    chat["options"]["num_ctx"] = context;
    EXPECT_EQ(grafted(kept(chat, sourdough, Dialect::ollama_chat), {asked, Dialect::ollama_chat}).has_value(),
              fits)
        << context;
  }
}

TEST(AGraft, OfASuggestionEndsWithWhatIsTyped) {
  const std::string suggestion =
      "Continue.\n<chat_history>\nUSER: " + bread + "\nASSISTANT: " + sourdough +
      "\n</chat_history>\n<type>general</type>\n<text>And how do I</text>\n#### Output:\n";
  const Result<Graft> made = grafted(kept(chat_of(bread), sourdough, Dialect::openai_chat),
                                     {task_of(suggestion), Dialect::openai_chat, RequestClass::autocomplete});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->json["messages"].back()["content"],
            "Continue.\n(the conversation above this message)\n<type>general</type>\n<text>And how do "
            "I</text>\n#### "
            "Output:\n");
}

std::string text_of(const OrderedJson& message) {
  return message.contains("content") && message["content"].is_string() ? message["content"].get<std::string>()
                                                                       : "";
}

// Of the recorded stream: each task behind a chat that it quotes, with the answer as the task or the next
// turn has it.
TEST(GraftsOfTheCorpus, KeepEveryWordOfTheTemplateAndTheChatByteForByte) {
  std::ifstream file(TASKLANE_SOURCE_DIR "/tests/corpus/tasklane.jsonl");
  ASSERT_TRUE(file) << "the corpus is part of the source";
  std::vector<OrderedJson> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(OrderedJson::parse(line));
    lines.back()["body"] = OrderedJson::parse(lines.back()["body"].get<std::string>());
  }
  std::map<std::string, unsigned> made_of;
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const std::string label = lines[at]["label"];
    const RequestClass request_class = request_class_from(label).value_or(RequestClass::other);
    if (!can_be_grafted(request_class)) continue;
    const OrderedJson& asked = lines[at]["body"];
    const Dialect dialect = endpoint_of("POST", lines[at]["path"].get<std::string>()).dialect;
    if (!asked.contains("messages")) continue;
    std::string whole = text_of(asked["messages"].back());
    if (asked["messages"].size() > 1) whole = text_of(asked["messages"].front()) + "\n\n" + whole;
    // The chat before it, or (a title) right behind it, with the answer that is quoted last.
    for (const std::size_t chat_at : {at + 1, at - 1, at - 2, at - 3}) {
      if (chat_at >= lines.size() || lines[chat_at]["label"] != "chat") continue;
      const OrderedJson& chat_body = lines[chat_at]["body"];
      const std::size_t said = whole.rfind("ASSISTANT: ");
      std::string last = said == std::string::npos ? "" : whole.substr(said + 11);
      last = last.substr(0, last.find('\n'));
      KeptChat chat = kept(chat_body, last.empty() ? "An answer." : last, dialect);
      Asking asking{asked, dialect, request_class};
      asking.body["model"] = chat_body["model"];
      const Result<Graft> made = grafted(chat, asking);
      if (!made) continue;
      ++made_of[label];
      const OrderedJson& messages = made->json["messages"];
      ASSERT_EQ(messages.size(), chat_body["messages"].size() + 2);
      for (std::size_t i = 0; i < chat_body["messages"].size(); ++i)
        ASSERT_EQ(messages[i].dump(), chat_body["messages"][i].dump());
      for (const char* key : {"tools", "tool_choice", "think", "chat_template_kwargs", "keep_alive"})
        ASSERT_EQ(made->json.value(key, OrderedJson()), chat_body.value(key, OrderedJson())) << key;
      // What is left is the whole's beginning and end, around the words that point to the chat.
      const std::string text = text_of(messages.back());
      const std::size_t words = text.find(" above");
      ASSERT_NE(words, std::string::npos);
      const std::size_t open = text.rfind('(', words);
      const std::size_t close = text.find(')', words) + 1;
      EXPECT_TRUE(whole.starts_with(text.substr(0, open))) << text;
      EXPECT_TRUE(whole.ends_with(text.substr(close))) << text;
      for (const OrderedJson& message : chat_body["messages"]) {
        if (message["role"] == "user" && text_of(message).size() > 20 &&
            request_class != RequestClass::query) {
          EXPECT_EQ(text.find(text_of(message)), std::string::npos) << text;
        }
      }
      break;
    }
  }
  for (const char* label : {"title", "tags", "follow_up"}) EXPECT_GE(made_of[label], 20u) << label;
}

// Whatever a chat says, the graft's messages are its own, with two more.
TEST(AnyGraft, HasTheChatsMessagesByteForByteAndIsNeverAnothersChat) {
  std::mt19937_64 random(3);
  const std::vector<std::string> pieces{
      "USER: ", "ASSISTANT: ", "\n", "rice", " and water", "</chat_history>",
      "...",    "\"",          "ü",  "{}",   "<details>",  "a longer sentence of it "};
  const auto any_text = [&] {
    std::string text = "it";
    for (std::size_t i = random() % 12; i > 0; --i) text += pieces[random() % pieces.size()];
    return text;
  };
  unsigned made_at_all = 0;
  for (int round = 0; round < 3000; ++round) {
    OrderedJson chat = chat_of(any_text());
    std::string quoted = "USER: " + text_of(chat["messages"][0]);
    for (std::size_t turns = random() % 3; turns > 0; --turns) {
      for (const auto& [role, label] : {std::pair("assistant", "ASSISTANT"), std::pair("user", "USER")}) {
        chat["messages"].push_back({{"role", role}, {"content", any_text()}});
        quoted += "\n" + std::string(label) + ": " + text_of(chat["messages"].back());
      }
    }
    const std::string said = any_text();
    quoted += "\nASSISTANT: " + said;
    const Asking asking{task_of("Name it.\n<chat_history>\n" + quoted + "\n</chat_history>\nNow.")};
    const KeptChat its = kept(chat, said, Dialect::openai_chat);
    const Result<Graft> made = grafted(its, asking);
    if (made) {
      ++made_at_all;
      for (std::size_t i = 0; i < chat["messages"].size(); ++i)
        ASSERT_EQ(made->json["messages"][i].dump(), chat["messages"][i].dump());
      EXPECT_EQ(text_of(made->json["messages"][chat["messages"].size()]), said);
      EXPECT_EQ(text_of(made->json["messages"].back()),
                "Name it.\n(the conversation above this message)\nNow.");
    }
    KeptChat others = its;
    others.tenant = Tenant(2 + random() % 5);
    EXPECT_FALSE(grafted(others, asking));
    KeptChat another = kept(chat_of("Something else."), said, Dialect::openai_chat);
    EXPECT_FALSE(grafted(another, asking));
  }
  EXPECT_GT(made_at_all, 2000u);
}

}  // namespace
}  // namespace tasklane
