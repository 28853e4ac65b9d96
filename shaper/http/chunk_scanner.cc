#include "shaper/http/chunk_scanner.h"

#include <algorithm>

#include "shaper/http/characters.h"

namespace tasklane {

std::size_t ChunkScanner::feed(std::string_view bytes, std::string* body) {
  std::size_t taken = 0;
  while (taken < bytes.size() && state_ != State::done) {
    if (state_ == State::data) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - taken));
      if (body != nullptr) body->append(bytes.data() + taken, count);
      data_bytes_ += count;
      left_ -= count;
      taken += count;
      if (left_ == 0) state_ = State::data_return;
      continue;
    }
    state_ = step(bytes[taken]);
    if (state_ == State::failed) break;
    ++taken;
  }
  return taken;
}

ChunkScanner::State ChunkScanner::fail(const char* problem) {
  if (*problem_ == '\0') problem_ = problem;
  return State::failed;
}

ChunkScanner::State ChunkScanner::step(char c) {
  switch (state_) {
    case State::first_digit:
    case State::size:
      return in_size(c);
    case State::before_extension:
    case State::extension:
    case State::name:
    case State::behind_name:
    case State::value:
    case State::token:
    case State::behind_quoted:
      return in_extension(c);
    case State::quoted:
    case State::quoted_pair:
      return in_quoted(c);
    case State::size_line_feed:
      if (c != '\n') return fail("a line of a chunk's size that does not end in CR LF");
      return last_chunk_ ? State::trailer : State::data;
    case State::data_return:
      return c == '\r' ? State::data_line_feed : fail("a chunk that is longer than its size");
    case State::data_line_feed:
      digits_ = 0;
      left_ = 0;
      return c == '\n' ? State::first_digit : fail("a chunk that does not end in CR LF");
    case State::failed:
      return State::failed;
    default:
      return in_trailers(c);
  }
}

ChunkScanner::State ChunkScanner::in_size(char c) {
  if (const int value = hex_value(c); value >= 0) {
    if (++digits_ > most_size_digits) return fail("a chunk's size of more than 64 bits");
    left_ = left_ << 4 | static_cast<std::uint64_t>(value);
    return State::size;
  }
  if (state_ == State::first_digit) return fail("a chunk's size that is no number");
  extension_ = 0;
  last_chunk_ = left_ == 0;
  return behind_extension(c);
}

// Behind a size, a name or a value.
ChunkScanner::State ChunkScanner::behind_extension(char c) {
  if (c == '\r') return State::size_line_feed;
  if (c == ';') return count_extension(State::extension);
  if (is_space(c)) return count_extension(State::before_extension);
  return fail("a chunk extension that is none");
}

ChunkScanner::State ChunkScanner::in_extension(char c) {
  const bool token = is_token_char(c);
  switch (state_) {
    case State::before_extension:
      if (c == '\r' && reading_ == ChunkReading::strict) return fail("white space behind a chunk's size");
      return behind_extension(c);
    case State::extension:
      if (is_space(c)) return count_extension(State::extension);
      return token ? count_extension(State::name) : fail("a chunk extension without a name");
    case State::name:
      if (token) return count_extension(State::name);
      if (c == '=') return count_extension(State::value);
      return is_space(c) ? count_extension(State::behind_name) : behind_extension(c);
    case State::behind_name:
      if (c == '=') return count_extension(State::value);
      if (is_space(c)) return count_extension(State::behind_name);
      return c == ';' ? count_extension(State::extension) : fail("white space behind a chunk extension");
    case State::value:
      if (is_space(c)) return count_extension(State::value);
      if (c == '"') return count_extension(State::quoted);
      return token ? count_extension(State::token) : fail("a chunk extension without a value");
    case State::token:
      return token ? count_extension(State::token) : behind_extension(c);
    default:
      return behind_extension(c);
  }
}

ChunkScanner::State ChunkScanner::in_quoted(char c) {
  if (!is_value_char(c)) return fail("a control character in a chunk extension");
  if (state_ == State::quoted_pair) return count_extension(State::quoted);
  if (c == '\\') return count_extension(State::quoted_pair);
  return count_extension(c == '"' ? State::behind_quoted : State::quoted);
}

ChunkScanner::State ChunkScanner::count_extension(State next) {
  ++extensions_;
  if (++extension_ > longest_extension) return fail("a chunk extension that is too long");
  if (extensions_ > extensions_at_least && extensions_ - extensions_at_least > data_bytes_)
    return fail("chunk extensions that are longer than their data");
  return next;
}

ChunkScanner::State ChunkScanner::in_trailers(char c) {
  switch (state_) {
    case State::trailer:
      if (c == '\r') return State::last_line_feed;
      return is_token_char(c) ? count_trailer(State::trailer_name) : fail("a trailer without a name");
    case State::trailer_name:
      if (c == ':') return count_trailer(State::trailer_value);
      return is_token_char(c) ? count_trailer(State::trailer_name) : fail("a trailer that is no field");
    case State::trailer_value:
      if (c == '\r') return count_trailer(State::trailer_line_feed);
      return is_value_char(c) ? count_trailer(State::trailer_value)
                              : fail("a control character in a trailer");
    case State::trailer_line_feed:
      return c == '\n' ? count_trailer(State::trailer) : fail("a trailer that does not end in CR LF");
    default:
      return c == '\n' ? State::done : fail("a chunked body that does not end in CR LF");
  }
}

ChunkScanner::State ChunkScanner::count_trailer(State next) {
  return ++trailers_ > longest_trailers ? fail("trailers that are too long") : next;
}

}  // namespace tasklane
