// What others wrote, as it may stand in a message, a log or on a terminal.
#include <gtest/gtest.h>

#include <sstream>

#include "shaper/base/shown.h"

namespace tasklane {
namespace {

TEST(Shown, PlainTextOfAnyLanguageStaysAsItIs) {
  for (const char* text : {"", "a name", "qwen2.5:3b", "Zug nach Zürich", "米を炊く", "🍚 rice"})
    EXPECT_EQ(text, shown(text));
}

TEST(Shown, NothingInItMovesTheCursorOrBeginsALine) {
  EXPECT_EQ("\\x1b[2J\\x07", shown("\x1b[2J\x07"));
  EXPECT_EQ("one\\nhint: two\\x0d\\t", shown("one\nhint: two\r\t"));
  EXPECT_EQ("\\x7f", shown("\x7f"));
  EXPECT_EQ("\\xc2\\x9b31m", shown("\xc2\x9b"
                                   "31m"))
      << "a control sequence in one character";
}

TEST(Shown, NothingInItTurnsTheDirectionOfWhatStandsBeside) {
  EXPECT_EQ("a\\xe2\\x80\\xaeb", shown("a\u202eb"));
  EXPECT_EQ("a\\xe2\\x81\\xa6b", shown("a\u2066"
                                       "b"));
}

TEST(Shown, BytesThatAreNoTextAreWrittenAsNumbers) {
  EXPECT_EQ("\\xff\\xfe", shown("\xff\xfe"));
  EXPECT_EQ("\\xc0\\xaf", shown("\xc0\xaf")) << "overlong";
  EXPECT_EQ("\\xed\\xa0\\x80", shown("\xed\xa0\x80")) << "half of a pair";
  EXPECT_EQ("a\\xe7\\xb1", shown("a\xe7\xb1")) << "cut";
}

TEST(Shown, OfWhatIsLongBothEndsAreTold) {
  const std::string text = "begin" + std::string(100'000, 'x') + "end";
  const std::string told = shown(text);
  EXPECT_TRUE(told.starts_with("beginxxx"));
  EXPECT_TRUE(told.ends_with("xxxend"));
  EXPECT_NE(std::string::npos, told.find("... (99608 bytes) ..."));
  EXPECT_LT(told.size(), 500);
  const std::string wide = shown("ü" + std::string(500, 'x') + "üüü", 9);
  EXPECT_EQ("üxx... (500 bytes) ...üü", wide) << "no character is cut";
}

TEST(Shown, NoPasswordOfAUrlIsTold) {
  EXPECT_EQ("'https://...@host/v1' is wrong", shown("'https://user:secret@host/v1' is wrong"));
  EXPECT_EQ("http://...@b https://...@d", shown("http://a@b https://c:p/w@x@d"));
  EXPECT_EQ("https://host/v1 a@b", shown("https://host/v1 a@b"));
}

TEST(Shown, OfAValueThatMayBeMeantForAUrlNeitherUserNorQueryIsTold) {
  EXPECT_EQ("https://...@host", shown_value("https://user:se cret@host"));
  EXPECT_EQ("...@host", shown_value("user:secret@host"));
  EXPECT_EQ("...@host", shown_value("user:secret://@host")) << "no scheme";
  EXPECT_EQ("http://...%40host/", shown_value("http://user:secret%40host/"));
  EXPECT_EQ("http://host/v1?...", shown_value("http://host/v1?api_key=sec ret"));
  EXPECT_EQ("http://...@host?...", shown_value("http://user:secret@host?key=secret"));
  EXPECT_EQ("http://host#...", shown_value("http://host#secret"));
  for (const char* text : {"http://host:1", "127.0.0.1:1", "why?", "rule #1", ""})
    EXPECT_EQ(text, shown_value(text));
  const std::string message = shown_message("'" + shown_value(std::string(100'000, 'x')) + "' is none");
  EXPECT_NE(std::string::npos, message.find("(99800 bytes)")) << "cut once: " << message;
}

TEST(Shown, AMessageKeepsItsOwnWordsAndHidesSoWhatItQuotes) {
  EXPECT_EQ("'...@h' is no address and port", shown_message("'me:sec ret@h' is no address and port"));
  EXPECT_EQ("'http://...@h' is none", shown_message("'http://me:sec ret@h' is none"));
  EXPECT_EQ("must be 1, not \"...@h\"", shown_message("must be 1, not \"me:sec ret@h\""));
  EXPECT_EQ("no expression: ...@h", shown_message("no expression: missing ): (me:secret@h"));
  EXPECT_EQ("unknown 'http://h?...' here", shown_message("unknown 'http://h?key=sec ret' here"));
  for (const char* text : {"did you mean 'a'? known are: a, b", "what now?", "'a' and no 'b'"})
    EXPECT_EQ(text, shown_message(text));
}

TEST(Shown, AStreamKeepsItsLinesAndNothingElse) {
  std::ostringstream out;
  {
    const ShownStream through(out);
    out << "model\t" << std::string("\x1b[31mred") << '\n' << "ü" << '\x1b' << 7 << std::endl;
    clear_screen(out);
  }
  out << "\x1b";
  EXPECT_EQ("model\t\\x1b[31mred\nü\\x1b7\n\x1b[H\x1b[2J\x1b", out.str());
}

}  // namespace
}  // namespace tasklane
