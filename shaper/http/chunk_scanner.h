// Reads a chunked body to the letter of RFC 9112 section 7.1, byte for byte: sizes, extensions, data,
// trailers. Nothing waits inside: whatever is taken has been judged, so that it may be sent on, and what has
// not been taken must not be. Linear in time; extensions and trailers are bounded in bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tasklane {

// How strictly white space is read. Old servers pad the sizes of their chunks with spaces, which every client
// forgives; of a request nothing is forgiven.
enum class ChunkReading { strict, padded_sizes };

class ChunkScanner {
 public:
  // Bounds, in bytes. An extension line is what Go's and nginx's readers take of one at most; beyond
  // `extensions_at_least` the extensions of all chunks may not be more than the data itself (a signature for
  // each chunk is far less).
  static constexpr std::uint64_t longest_extension = 4096;
  static constexpr std::uint64_t extensions_at_least = 16U << 10U;
  static constexpr std::uint64_t longest_trailers = 16U << 10U;
  static constexpr int most_size_digits = 16;  // 64 bits

  explicit ChunkScanner(ChunkReading reading = ChunkReading::strict) : reading_(reading) {}

  // Takes bytes that follow those taken before, and says how many belong to the body: all, or up to its end,
  // or up to the first that is wrong. Decoded data goes to `body` where that is not null.
  std::size_t feed(std::string_view bytes, std::string* body);

  [[nodiscard]] bool done() const { return state_ == State::done; }
  [[nodiscard]] bool failed() const { return state_ == State::failed; }
  [[nodiscard]] const char* problem() const { return problem_; }  // why it failed
  [[nodiscard]] std::uint64_t data_bytes() const { return data_bytes_; }

 private:
  enum class State {
    first_digit,
    size,
    before_extension,  // white space behind a size or a value: only a further extension may follow
    extension,         // behind a semicolon
    name,
    behind_name,  // white space behind a name: '=' or a semicolon
    value,        // behind '='
    token,
    quoted,
    quoted_pair,
    behind_quoted,
    size_line_feed,
    data,
    data_return,
    data_line_feed,
    trailer,  // at the beginning of a line
    trailer_name,
    trailer_value,
    trailer_line_feed,
    last_line_feed,
    done,
    failed,
  };

  State step(char c);
  State in_size(char c);
  State in_extension(char c);
  State in_quoted(char c);
  State in_trailers(char c);
  State behind_extension(char c);
  State count_extension(State next);
  State count_trailer(State next);
  State fail(const char* problem);

  ChunkReading reading_;
  State state_ = State::first_digit;
  const char* problem_ = "";
  int digits_ = 0;
  std::uint64_t left_ = 0;  // of the chunk's data
  bool last_chunk_ = false;
  std::uint64_t data_bytes_ = 0;
  std::uint64_t extension_ = 0;   // bytes of this chunk's
  std::uint64_t extensions_ = 0;  // of all
  std::uint64_t trailers_ = 0;
};

}  // namespace tasklane
