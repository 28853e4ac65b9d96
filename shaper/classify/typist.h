// Whose a request is (tenant), and who typed it, by the evidence in it, best first:
//  header   a field that names the person (Open WebUI sends one where it is told to)
//  chat     the chat that it is or that it quotes, known by its first user message and its tenant; the same
//           for all of the chat's turns and for what is typed between them
//  address  the tenant alone, where nothing is quoted: somebody types in a new chat
// Two chats may begin with the same word. What is typed in them is told apart by all that it quotes (its
// editor), which stays as it is until the message is sent. Where a history is quoted that was not understood,
// editor and typist stay unknown, and nothing of such a request is remembered or replaced.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "shaper/classify/classification.h"
#include "shaper/classify/echo.h"
#include "shaper/classify/pack.h"
#include "shaper/http/request_head.h"

namespace tasklane {

struct TypistInput {
  const Echo& echo;
  const BodyFacts& body;
  Time now;
  std::string_view named_chat;  // by a header; else empty
};

// The chat that a header names; empty where none does.
std::string_view named_chat(const RequestHead& head, const std::vector<std::shared_ptr<const Pack>>& packs);

// By client address, program, credentials and the fields that name a person. Fills tenant, and the typist
// where a field names them.
void know_tenant(const Echo& echo, const RequestHead& head, std::string_view client,
                 const std::vector<std::shared_ptr<const Pack>>& packs, Classification& result);

// Each leaves alone what a header has told.
void know_typist_of_chat(const TypistInput& input, Classification& result);
void know_typist_of_task(const TypistInput& input, const std::optional<Quote>& quote, Classification& result);

// The hash chain over a chat's messages; unknown where one of them holds more than its text.
Conversation conversation_of(const Echo& echo, Tenant tenant, const BodyFacts& body);

}  // namespace tasklane
