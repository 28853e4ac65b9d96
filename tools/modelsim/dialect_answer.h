// How an answer is written on the wire: heads, pieces of a stream and whole answers in each dialect, and the
// errors of both servers.
#pragma once

#include <string>
#include <string_view>

#include "tools/modelsim/generation_request.h"

namespace tasklane::sim {

std::string stream_piece(const GenerationRequest& request, std::uint64_t id, std::string_view text);
std::string stream_end(const GenerationRequest& request, std::uint64_t id, const Usage& usage,
                       Flavour flavour);
std::string whole_answer(const GenerationRequest& request, std::uint64_t id, const std::string& text,
                         const Usage& usage, Flavour flavour);
std::string stream_content_type(const GenerationRequest& request);
// {"error": ...} in the dialect's own form.
std::string error_body(Dialect dialect, Flavour flavour, int status, const std::string& message,
                       const std::string& type);

}  // namespace tasklane::sim
