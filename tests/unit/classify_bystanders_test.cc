// Ten thousand requests that quote chats as plugins, other clients and people do: routers, raters,
// translators, summaries, retrieval with the question quoted, commit messages, agents' steps. For each
// somebody waits. None may be held, changed or cancelled, while the tasks among them still wait.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <random>
#include <string>

#include "tests/support/front_end.h"

namespace tasklane {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

struct Turn {
  std::string question;
  std::string answer;
  std::string next;
};

using Quoting = std::function<std::string(const Turn&)>;

const std::array<Quoting, 24> bystanders{
    [](const Turn& t) {
      return "Which expert shall answer? code, medicine or general.\n\nEarlier: " + t.question +
             "\n\nNow: " + t.next + "\n\nOne word.";
    },
    [](const Turn& t) {
      return "User request: " + t.question +
             "\n\nJSON only: {\"selected_model_id\": \"id\", "
             "\"reasoning\": \"why\"}";
    },
    [](const Turn& t) {
      return "Rate each memory, JSON array of {\"memory\": \"...\", \"relevance\": 0.5}.\nMessage: " +
             t.question + "\n- ID 1: has two cats";
    },
    [](const Turn& t) { return "Translate into German, as {\"text\": \"<translation>\"}.\n\n" + t.answer; },
    [](const Turn& t) { return "Translate into Polish:\n\n\"" + t.question + "\""; },
    [](const Turn& t) {
      return "Plan a report: {\"title\": \"...\", \"sections\": [{\"heading\": \"...\"}]}\n\n" + t.question;
    },
    [](const Turn& t) {
      return "Describe it as {\"title\": \"...\", \"author\": \"...\", \"date\": \"...\"}:\n" + t.question;
    },
    [](const Turn& t) {
      return "Search terms with reasons: {\"queries\": [{\"q\": \"...\", \"why\": \"...\"}]}\n" + t.question;
    },
    [](const Turn& t) {
      return "Label the request: {\"tags\": [\"a\"], \"confidence\": 0.5}\n\nUSER: " + t.question;
    },
    [](const Turn& t) {
      return "A JSON array of {\"title\": \"...\"} for slides about this:\n" + t.question;
    },
    [](const Turn& t) {
      return "Slides as [{\"title\": \"a\"}, {\"title\": \"b\"}].\n\nUSER: " + t.question +
             "\nASSISTANT: " + t.answer;
    },
    [](const Turn& t) {
      return "Summarise in three sentences.\n\nUSER: " + t.question + "\nASSISTANT: " + t.answer;
    },
    [](const Turn& t) {
      return "Use the context.\n<context>\nfile 7\n</context>\n\nQuestion: " + t.question;
    },
    [](const Turn& t) { return "Rewrite the question for a search engine: " + t.question; },
    [](const Turn& t) {
      return "Write a commit message from the diff.\n\nUSER: " + t.question + "\n\nASSISTANT: " + t.answer +
             "\n\ndiff --git a/x b/x\n+int " + std::to_string(t.answer.size()) + ";";
    },
    [](const Turn& t) {
      return "Thought: the person asks \"" + t.question +
             "\".\nAction: search\nObservation: none.\n"
             "Next step as {\"action\": \"...\", \"input\": \"...\"}";
    },
    [](const Turn& t) {
      return "History:\nuser: " + t.question + "\nassistant: " + t.answer + "\nQuery: " + t.next +
             "\n{\"name\": \"functionName\", \"parameters\": {}}";
    },
    [](const Turn& t) { return "{\"reply\": \"...\", \"tool_calls\": []}\nUSER: " + t.question; },
    [](const Turn& t) { return "Is this safe? Answer {\"safe\": true}.\n\n" + t.question; },
    [](const Turn& t) { return "Score the answer from 0 to 10.\nQ: " + t.question + "\nA: " + t.answer; },
    [](const Turn& t) { return "Make this friendlier, for a leaflet:\n\n" + t.answer; },
    [](const Turn& t) { return t.question + "\n\nAnswer in one line, please, and in verse."; },
    [](const Turn& t) { return "Draw it: {\"prompt\": \"...\"}\n\nUSER: " + t.question; },
    [](const Turn& t) {
      return "Extract facts to remember as {\"facts\": [\"...\"]}.\n\nUSER: " + t.question +
             "\nASSISTANT: " + t.answer;
    },
};

class World {
 public:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  Turn turn() {
    const std::string number = std::to_string(++count_);
    return {"How do I keep carrots number " + number + " over the winter in a house without a cellar?",
            "Put number " + number + " into damp sand and keep the box at about two degrees all the time.",
            "And what about beets and number " + number + "?"};
  }

  // One of three tenants: without user headers, with them, and another program.
  void become_somebody() {
    const unsigned who = below(3);
    headers_ = {{"User-Agent", who == 2 ? "other/1" : "front/1"}};
    if (who == 1) headers_.push_back({"X-OpenWebUI-User-Id", "anna"});
  }
  Classification send(Json body, bool ours = true) {
    std::vector<HeaderField> headers = headers_;
    if (!ours) headers.push_back({"Authorization", "Bearer other"});
    const unsigned dialect = below(3);
    if (dialect == 0) return front_end_.ollama(body, headers);
    if (dialect == 1) return front_end_.openai(body, headers);
    return front_end_.responses(as_responses(body), headers);
  }
  Classification chat(const Turn& turn) {
    return send(chat_body({{"system", "Be kind."}, {"user", turn.question}}));
  }
  Json bystander(const Turn& turn) {
    Json body = task_body(bystanders.at(below(bystanders.size()))(turn));
    if (below(3) == 0)
      body["messages"].insert(body["messages"].begin(), message("system", "You help another program."));
    if (below(5) == 0) body["stream"] = true;
    if (below(3) == 0)
      body = Json{{"messages", body["messages"]}, {"model", "m"}, {"stream", body["stream"]}};
    return body;
  }
  FrontEnd& front_end() { return front_end_; }

 private:
  static Json as_responses(const Json& body) {
    Json said{{"model", body["model"]}, {"input", Json::array()}, {"stream", body["stream"]}};
    for (const Json& each : body["messages"])
      said["input"].push_back({{"type", "message"}, {"role", each["role"]}, {"content", each["content"]}});
    return said;
  }
  FrontEnd front_end_;
  std::mt19937 random_{20261127};
  std::vector<HeaderField> headers_;
  unsigned count_ = 0;
};

const std::string framed_tags =
    "### Task:\nTags.\n### Output:\n{ \"tags\": [\"a\"] }\n<chat_history>\nUSER: hi\n</chat_history>";

void expect_untouched(const Classification& seen, const Json& body) {
  EXPECT_FALSE(is_task(seen.request_class)) << to_text(seen.request_class) << "\n" << body.dump();
  EXPECT_TRUE(seen.power().nothing()) << to_text(seen.certainty) << "\n" << body.dump();
  EXPECT_TRUE(seen.unmasked.empty());
}

TEST(TenThousandBystanders, AreNeverHeldChangedOrCancelled) {
  World world;
  world.front_end().takes_time();
  for (int i = 0; i < 10000 && !testing::Test::HasFailure(); ++i) {
    world.become_somebody();
    if (world.below(4) == 0) {
      EXPECT_EQ(world.send(task_body(framed_tags)).certainty, Certainty::named);
    }
    const Turn turn = world.turn();
    const Json body = world.bystander(turn);
    const bool ours = world.below(4) != 0;
    const unsigned when = world.below(4);
    if (when == 0) {  // before its chat, which its answer is waited for
      expect_untouched(world.send(body, ours), body);
      const RequestId id = world.front_end().last_id();
      world.front_end().wait(300ms);
      const Classification chat = world.chat(turn);
      EXPECT_TRUE(chat.unmasked.empty()) << body.dump();
      world.front_end().ended(id);
      world.front_end().ended(world.front_end().last_id());
    } else {  // beside it, right behind it, long behind it
      world.chat(turn);
      if (when > 1) world.front_end().ended(world.front_end().last_id());
      world.front_end().wait(when == 2 ? 500ms : when == 3 ? 20s : 100ms);
      expect_untouched(world.send(body, ours), body);
      world.front_end().ended(world.front_end().last_id());
    }
    world.front_end().wait(700ms);
  }
}

TEST(TenThousandBystanders, DoNotHideTheTasksAmongThem) {
  World world;
  int waits = 0;
  constexpr int turns = 500;
  for (int i = 0; i < turns; ++i) {
    world.become_somebody();
    const Turn turn = world.turn();
    world.chat(turn);
    for (int others = 0; others < 3; ++others) world.send(world.bystander(turn));
    const Classification task =
        world.send(task_body("Frag weiter: {\"follow_ups\": [\"...\"]}\n\nUSER: " + turn.question +
                             "\nASSISTANT: " + turn.answer));
    waits += task.request_class == RequestClass::follow_up && task.power().may(May::wait) ? 1 : 0;
    world.front_end().wait(5s);
  }
  EXPECT_EQ(waits, turns);
}

}  // namespace
}  // namespace tasklane
