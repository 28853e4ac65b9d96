// Puts the stream that an upstream answers with together: its text, its figures, and whether it came to its
// end. Fed with the body's bytes (after chunked decoding) in any splits; bounded in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shaper/base/units.h"
#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/json_body.h"
#include "shaper/dialect/plain_chunk.h"

namespace tasklane {

enum class StreamState {
  open,      // more is to come
  complete,  // done:true (Ollama), [DONE] (OpenAI), or one whole JSON object where no stream was sent
  cut,       // a clean end without that: Ollama's stop after 30 equal tokens. Worth giving, not keeping
  failed,    // an error in mid-stream, a connection that broke, bytes that are no such stream, too many bytes
};

// What is kept of a stream.
enum class Keep {
  answer,   // the text, to be rendered
  raw,      // the text and the bytes as they came, for a client that asked for a stream itself
  figures,  // no text: only figures, state and finish reason, for a chat that passes by
};

class AnswerAssembler {
 public:
  // `limit`: of the kept bytes; with Keep::figures of one line, and a longer one is skipped.
  explicit AnswerAssembler(Dialect dialect, Keep keep = Keep::answer, ByteSize limit = {8ULL << 20});

  void feed(std::string_view bytes);
  // The body's end. `clean` false: the connection broke before it.
  void finish(bool clean = true);
  // Forgets what came, for the next answer; the parsers keep their memory for it.
  void begin_anew(Dialect dialect);

  [[nodiscard]] StreamState state() const { return state_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }  // why it failed, for a person
  // The server's own words of an error that came in place of an answer, as they came; empty: it said none.
  [[nodiscard]] const std::string& error_words() const { return error_words_; }
  [[nodiscard]] int error_status() const { return error_status_; }    // as it says it, else 500
  [[nodiscard]] bool any_text() const { return intake_.any_text(); }  // a first token has come
  [[nodiscard]] const Answer& answer() const { return intake_.answer(); }
  [[nodiscard]] const UpstreamFigures& figures() const { return intake_.answer().figures; }
  [[nodiscard]] const std::string& raw() const { return raw_; }

 private:
  using Json = nlohmann::ordered_json;

  void begin(std::string_view bytes);
  void hold(std::string_view bytes);
  void lines(std::string_view bytes);
  void line(std::string_view text);
  void sse_line(std::string_view text);
  void object(std::string_view text);
  bool failure(const Json& json, std::string_view text);
  void refuse(const Json& error, std::string_view text);
  void fail(std::string problem);

  Dialect dialect_;
  Keep keep_;
  std::size_t limit_;
  StreamState state_ = StreamState::open;
  std::string problem_;
  std::string error_words_;
  int error_status_ = 500;
  AnswerIntake intake_;
  ObjectReader reader_;
  PlainChunks plain_;  // with Keep::figures
  std::string raw_;
  std::string held_;  // the beginning of a line
  std::size_t kept_bytes_ = 0;
  bool begun_ = false;        // the body's first character has come
  bool one_object_ = false;   // where a stream is of events: one JSON object in its place
  bool error_event_ = false;  // SSE: "event: error" came last
  bool too_long_ = false;     // the line that is being skipped
};

}  // namespace tasklane
