#include "shaper/dialect/assemble.h"

#include <optional>
#include <utility>

#include "shaper/dialect/json_body.h"
#include "shaper/dialect/lenient_text.h"

namespace tasklane {
namespace {

using Json = nlohmann::ordered_json;

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// {"error":"..."} or {"error":{"message":"..."}}.
std::string error_text(const Json& error) {
  if (error.is_string()) return error.get<std::string>();
  const std::string message = text_at(error, "message");
  return message.empty() ? "an error without a message" : message;
}

// The `code` of an error where it is a number other than 0.
int status_in(const Json& error) {
  const Json* code = find(error, "code");
  return code != nullptr && code->is_number_integer() ? code->get<int>() : 0;
}

}  // namespace

AnswerAssembler::AnswerAssembler(Dialect dialect, Keep keep, ByteSize limit)
    : dialect_(dialect), keep_(keep), limit_(limit.bytes), intake_(dialect, keep != Keep::figures) {}

void AnswerAssembler::fail(std::string problem) {
  state_ = StreamState::failed;
  problem_ = std::move(problem);
  held_.clear();
}

void AnswerAssembler::feed(std::string_view bytes) {
  if (state_ == StreamState::failed) return;
  if (keep_ != Keep::figures && kept_bytes_ + bytes.size() > limit_) {
    if (state_ == StreamState::open) fail("the answer is larger than the limit");
    return;
  }
  kept_bytes_ += bytes.size();
  if (keep_ == Keep::raw) raw_ += bytes;
  if (!begun_) begin(bytes);
  if (one_object_)
    hold(bytes);
  else
    lines(bytes);
}

// Some servers answer one object though a stream was asked for.
void AnswerAssembler::begin(std::string_view bytes) {
  const std::size_t first = bytes.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  begun_ = true;
  one_object_ = !is_ollama(dialect_) && bytes[first] == '{';
}

void AnswerAssembler::hold(std::string_view bytes) {
  if (held_.size() + bytes.size() > limit_) too_long_ = true;
  if (too_long_)
    held_.clear();
  else
    held_ += bytes;
}

void AnswerAssembler::lines(std::string_view bytes) {
  while (state_ == StreamState::open && !bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const bool whole_here = end != std::string_view::npos && end <= limit_ && held_.empty() && !too_long_;
    if (whole_here) {
      line(bytes.substr(0, end));
      bytes.remove_prefix(end + 1);
      continue;
    }
    hold(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    too_long_ = false;
    const std::string whole = std::exchange(held_, {});
    line(whole);
  }
}

void AnswerAssembler::finish(bool clean) {
  if (state_ != StreamState::open) return;
  const std::string rest = std::exchange(held_, {});
  if (!rest.empty()) one_object_ ? object(rest) : line(rest);
  if (state_ == StreamState::complete) return;
  if (!clean) return fail("the connection broke in mid-answer");
  if (state_ == StreamState::failed) return;
  if (intake_.is_lost()) return fail("the model server's runner ended in mid-answer");
  state_ = StreamState::cut;
}

void AnswerAssembler::begin_anew(Dialect dialect) {
  AnswerAssembler next(dialect, keep_, ByteSize{limit_});
  next.reader_ = std::move(reader_);
  next.plain_ = std::move(plain_);
  *this = std::move(next);
}

void AnswerAssembler::line(std::string_view text) {
  while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  if (text.empty()) return;
  is_ollama(dialect_) ? object(text) : sse_line(text);
}

void AnswerAssembler::sse_line(std::string_view text) {
  if (text.starts_with("event:")) {
    error_event_ = text.find("error") != std::string_view::npos;
    return;
  }
  // "error:" is how older llama-servers name the field.
  for (const std::string_view field : {"data:", "error:"}) {
    if (!text.starts_with(field)) continue;
    text.remove_prefix(field.size());
    while (text.starts_with(' ')) text.remove_prefix(1);
    if (text == "[DONE]") {
      state_ = StreamState::complete;
    } else if (error_event_) {
      const auto json = parse_object(text);
      refuse(json ? *json : Json(std::string(text)), text);
    } else if (!text.empty()) {
      object(text);
    }
    return;
  }
}

void AnswerAssembler::object(std::string_view text) {
  if (keep_ == Keep::figures && !one_object_ && plain_.take(text, dialect_, intake_)) {
    if (intake_.is_done()) state_ = StreamState::complete;
    return;
  }
  auto json = reader_.read(text);
  if (!json) json = reader_.read(mend_numbers(text));
  if (!json) return fail("a line of the answer is no JSON object");
  if (failure(*json, text)) return;
  if (const auto take = dialect_row(dialect_).take; take != nullptr) take(intake_, *json);
  if (intake_.is_done() || one_object_) state_ = StreamState::complete;
}

// An error that says something, with no answer beside it: some servers send "error": "" or "code": 0 with
// each chunk.
bool AnswerAssembler::failure(const Json& json, std::string_view text) {
  const Json* error = find(json, "error");
  // Of a response that has failed it stands in there.
  if (const Json* response = find(json, "response"); error == nullptr && response != nullptr)
    error = find(*response, "error");
  const auto* words = error == nullptr ? nullptr : error->get_ptr<const Json::string_t*>();
  const bool says_nothing = error == nullptr || error->empty() || (words != nullptr && words->empty()) ||
                            *error == false || *error == 0;
  // Older llama-servers send the error's inside alone.
  const bool inside = !is_ollama(dialect_) && !json.contains("choices") && find(json, "message") != nullptr &&
                      (status_in(json) != 0 || text_at(json, "type") == "error");
  if (!says_nothing)
    refuse(error->is_object() ? *error : json, text);
  else if (inside)
    refuse(json, text);
  return state_ == StreamState::failed;
}

void AnswerAssembler::refuse(const Json& error, std::string_view text) {
  error_words_ = text;
  if (const int status = status_in(error); status >= 400 && status < 600) error_status_ = status;
  const Json* plain = find(error, "error");
  fail(error_text(plain != nullptr ? *plain : error));
}

}  // namespace tasklane
