// Who typed a request, by the evidence in it, best first:
//  header   a field that names the person (Open WebUI sends one where it is told to)
//  chat     the chat that it is or that it quotes, known by its first user message and the client's address;
//           the same for all of the chat's turns and for what is typed between them. A quote of the last few
//           messages is found among those of the chats that came from that address.
//  address  the client's address alone, where nothing is quoted: somebody types in a new chat
// Two chats may begin with the same word. What is typed in them is told apart by all that it quotes (its
// `editor`), which stays as it is until the message is sent.
#pragma once

#include <string_view>

#include "shaper/classify/classification.h"
#include "shaper/classify/echo.h"

namespace tasklane {

struct TypistInput {
  const Echo& echo;
  const BodyFacts& body;
  std::string_view client;
  Time now;
};

// Each leaves alone what a header has told.
void know_typist_of_chat(const TypistInput& input, Classification& result);
void know_typist_of_task(const TypistInput& input, const std::optional<Quote>& quote, Classification& result);
void know_address(const Echo& echo, std::string_view client, Classification& result);

}  // namespace tasklane
