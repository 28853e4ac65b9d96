// What Open WebUI sends for people whose words are token numbers: the bytes of a chat and of a task, four to
// a token, as the simulated model counts them; and what stands in the answers.
#pragma once

#include <string>
#include <vector>

#include "shaper/dialect/endpoint.h"
#include "tools/bench/chat/people.h"

namespace tasklane::bench {

// `answers`: what the model said to the chatter's messages so far. `dialect`: openai_chat or ollama_chat.
std::string wire_request(const Asked& asked, const std::vector<std::string>& answers,
                         Dialect dialect = Dialect::openai_chat);

inline constexpr const char* wire_model = "big-chat";
// The text of tokens that a model answered with.
std::string words_of(const sim::Tokens& answer);
// The words of a streamed answer to a chat.
std::string streamed_text(const std::string& body);
// What a task was asked for; empty: the valid empty answer.
std::string task_text(const std::string& body);

// How long the simulated model's answers to tasks are, and how many tokens of prompt one of its words is.
AnswerLengths simulated_lengths();
inline constexpr double simulated_quoted = 4.0 / 3;

}  // namespace tasklane::bench
