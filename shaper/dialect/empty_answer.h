// The valid empty answer of each class of task: what the front end takes as "nothing", without an error that
// a person sees.
//
//   title           {"title": first words of the quoted message}; where none is found "", which Open WebUI
//                   turns into the first message. Never {"title": ""}. Plain text where the prompt asks for
//                   it
//   query           {"queries": [the quoted message]}; where none is found ""
//   image_prompt    {"prompt": the quoted message}; where none is found ""
//   autocomplete    {"text": ""}, or with the text given (type-ahead)
//   the others      an empty list under their key, or "" (class_row(), shaper/base/request_class.h)
//
// None for chat, moa and what is no task (somebody waits for words), none for a task of unknown class, and
// never one for compaction: an empty summary replaces the person's history.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/request_class.h"
#include "shaper/base/result.h"
#include "shaper/dialect/answer.h"
#include "shaper/dialect/body.h"

namespace tasklane {

struct EmptyAnswerInput {
  RequestClass request_class = RequestClass::other;
  const BodyFacts& body;
  AnswerForm form;  // `stream` as the client asked; `model` as it wrote it
  std::chrono::system_clock::time_point now;
  std::optional<std::string_view> text;  // autocomplete: the suggestion
};

bool has_empty_answer(RequestClass request_class);

// Error: the class has no empty answer.
Result<LocalAnswer> empty_answer(const EmptyAnswerInput& input);

// How the client asked, from its body.
AnswerForm form_of(const BodyFacts& body, Dialect dialect);

}  // namespace tasklane
