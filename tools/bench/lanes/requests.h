// The bytes that a front end sends, and what it finds in an answer.
#pragma once

#include <cstddef>
#include <string>

namespace tasklane::bench {

// A title, tags or follow-ups by turns, each of a chat of its own.
std::string task_request(std::size_t number);
// The key that the answer to it must have.
const char* key_of_task(std::size_t number);
std::string chat_request(std::size_t number, std::size_t answer_tokens);
// `typist`: as Open WebUI names its user.
std::string autocomplete_request(const std::string& typed, const std::string& typist);
// What a server answers at once: the plain way there and back.
std::string version_request();
std::string log_request();

// Whether the assistant's words are JSON with this key.
bool answers_with(const std::string& body, const char* key);
// The completion in an answer; empty where there is none.
std::string suggestion_of(const std::string& body);

inline constexpr const char* model_name = "big-chat";

}  // namespace tasklane::bench
