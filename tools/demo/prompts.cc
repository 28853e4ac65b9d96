#include "tools/demo/prompts.h"

#include <nlohmann/json.hpp>

#include "shaper/dialect/ordered_json.h"

namespace tasklane::demo {
namespace {

constexpr const char* about_the_assistant =
    "You help in a kitchen. Answer as a cook of long practice would: say what to do first, then how long it "
    "takes, then how to tell that it is done. Name amounts in grams and millilitres. Where a dish can go "
    "wrong, say how, and how to save it. Do not praise the question. Do not repeat it. When something "
    "depends on the stove, the pot or the flour, say so and give a rule of thumb that holds for most of "
    "them. Prefer few ingredients. Mention food safety where it matters: poultry, eggs, rice that was kept "
    "warm. If the person has guests, think of the order of work, so that everything is ready together. If "
    "you do not know, say that you do not know. ";

constexpr const char* guidelines =
    "### Guidelines:\n- Write in the language of the chat.\n- Keep to what was said; invent nothing.\n"
    "- Few words are better than many.\n- No quotation marks, no emoji, no formatting.\n"
    "- The answer is one JSON object and nothing else: no fence around it, no word before it or behind it.\n";

OrderedJson message(const char* role, const std::string& text) { return {{"role", role}, {"content", text}}; }

std::string task(const std::string& model, const std::string& prompt, bool limited = false) {
  OrderedJson body{{"model", model}, {"messages", OrderedJson::array({message("user", prompt)})}};
  if (limited) body["options"] = {{"num_predict", 1000}};
  body["stream"] = false;
  return body.dump();
}

std::string history(const Conversation& said) {
  std::string text = "### Chat History:\n<chat_history>\n";
  for (const Exchange& each : said) text += "USER: " + each.question + "\nASSISTANT: " + each.answer + "\n";
  return text + "</chat_history>";
}

OrderedJson tools() {
  return OrderedJson::array(
      {{{"type", "function"},
        {"function",
         {{"name", "get_time"},
          {"description", "The time of day"},
          {"parameters", {{"type", "object"}, {"properties", OrderedJson::object()}}}}}}});
}

}  // namespace

std::string chat_request(const std::string& model, const Conversation& so_far, const std::string& question) {
  OrderedJson messages = OrderedJson::array({message("system", about_the_assistant)});
  for (const Exchange& each : so_far) {
    messages.push_back(message("user", each.question));
    messages.push_back(message("assistant", each.answer));
  }
  messages.push_back(message("user", question));
  return OrderedJson{{"stream", true}, {"model", model}, {"messages", messages}, {"tools", tools()}}.dump();
}

std::string title_request(const std::string& model, const std::string& question) {
  return task(model,
              std::string("### Task:\nName this chat by its subject, in two to four words.\n") + guidelines +
                  "### Output:\nJSON format: { \"title\": \"the name\" }\n" + history({{question, ""}}),
              true);
}

std::string follow_up_request(const std::string& model, const Conversation& so_far) {
  return task(model, std::string("### Task:\nGuess three messages that this person may send next.\n") +
                         guidelines +
                         "### Output:\nJSON format: { \"follow_ups\": [\"one\", \"two\", \"three\"] }\n" +
                         history(so_far));
}

std::string tags_request(const std::string& model, const Conversation& so_far) {
  return task(model, std::string("### Task:\nName one to three subjects of this chat, broad ones first.\n") +
                         guidelines + "### Output:\nJSON format: { \"tags\": [\"one\", \"two\"] }\n" +
                         history(so_far));
}

std::string autocomplete_request(const std::string& model, const std::string& typed) {
  return task(model,
              std::string("### Task:\nContinue what stands in `<text>`, in the way that `<type>` says.\n") +
                  guidelines + "### Output:\nJSON format: { \"text\": \"how it goes on\" }\n" +
                  "### Context:\n<chat_history>\n\n</chat_history>\n<type>general</type>  \n<text>" + typed +
                  "</text>  \n#### Output:\n");
}

}  // namespace tasklane::demo
