// What Open WebUI 0.12 sends to Ollama for one person's chat, in its shape and about its length, in words of
// our own: the chat itself, and the tasks around it.
#pragma once

#include <string>
#include <vector>

namespace tasklane::demo {

struct Exchange {
  std::string question;
  std::string answer;
};
using Conversation = std::vector<Exchange>;

// Request bodies for /api/chat. `so_far`: what was said before; the last answer may be empty.
std::string chat_request(const std::string& model, const Conversation& so_far, const std::string& question);
std::string title_request(const std::string& model, const std::string& question);
std::string follow_up_request(const std::string& model, const Conversation& so_far);
std::string tags_request(const std::string& model, const Conversation& so_far);
std::string autocomplete_request(const std::string& model, const std::string& typed);

}  // namespace tasklane::demo
