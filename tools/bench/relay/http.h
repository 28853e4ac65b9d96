// The little of HTTP that both ends of the benchmark need, and its requests.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tasklane::bench {

// With the empty line; 0: it is not whole yet.
std::size_t head_length(std::string_view bytes);
// In any case of letters, for HAProxy writes header names in its own.
bool contains(std::string_view head, std::string_view text);
std::optional<std::size_t> number_after(std::string_view head, std::string_view text);

// A chat as Open WebUI sends it to Ollama, of about `bytes`. `serial` makes its last message a new one: no
// two chats of a run are equal.
class ChatRequest {
 public:
  ChatRequest(std::size_t bytes, std::string_view more_headers);
  // A first turn of Open WebUI 0.12's, of a few words and 27 KB of tools.
  static ChatRequest with_tools();
  const std::string& next();

 private:
  explicit ChatRequest(std::string text);
  std::string text_;
  std::size_t serial_at_ = 0;
  std::size_t serial_ = 0;
};

// One message of about `bytes`, not streamed: what might be a task.
std::string prompt_request(std::size_t bytes);
// A chat of about `bytes` that comes packed, and of which a prompt's worth of repetition is in it.
std::string packed_chat(std::size_t bytes);

}  // namespace tasklane::bench
