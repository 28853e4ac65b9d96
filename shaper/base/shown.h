// What others wrote (a configuration's values, names, what a server or a client said) as it may stand in a
// message, a log or on a terminal: nothing in it moves a cursor, hides or reverses what stands beside it, or
// fills the screen, and no password of a url is told. Pure; safe from any thread.
#pragma once

#include <cstddef>
#include <streambuf>
#include <string>
#include <string_view>

namespace tasklane {

// Control characters, line breaks among them, those that turn the direction of writing, and bytes that are no
// UTF-8 are written as \n or \x1b; of what is longer than `most` bytes the middle is left out, for messages
// say at their end what is wrong. A name and password in a url (RFC 3986 section 3.2.1) become "...".
std::string shown(std::string_view text, std::size_t most = 400);

// The same of a value of a configuration, which may be meant for a url, whatever it looks like: what stands
// before its last @ and what stands behind its first ? is hidden, for a password may hold any character.
std::string shown_value(std::string_view text);

// The same of a message that quotes such values ('...'): what comes before the first quote and behind the
// last one is ours. A message without a quote is ours up to its first ": ".
std::string shown_message(std::string_view text);

// Of many lines: nothing is left out, and line breaks and tabs stay.
std::string shown_lines(std::string_view text);

// Writes to another buffer what shown_lines() makes of each piece that is written at once.
class ShownBuffer : public std::streambuf {
 public:
  explicit ShownBuffer(std::streambuf& behind) : behind_(behind) {}
  // What programs themselves have for terminals.
  void put_raw(std::string_view text) {
    behind_.sputn(text.data(), static_cast<std::streamsize>(text.size()));
  }

 protected:
  std::streamsize xsputn(const char* text, std::streamsize count) override;
  int_type overflow(int_type c) override;
  int sync() override { return behind_.pubsync(); }

 private:
  std::streambuf& behind_;
};

// As long as it lives, what a stream gets goes through a ShownBuffer.
class ShownStream {
 public:
  explicit ShownStream(std::ostream& stream);
  ~ShownStream();
  ShownStream(const ShownStream&) = delete;
  ShownStream& operator=(const ShownStream&) = delete;

 private:
  std::ostream& stream_;
  std::streambuf* behind_;
  ShownBuffer buffer_;
};

// Begins a terminal's screen anew.
void clear_screen(std::ostream& out);

}  // namespace tasklane
