// A chunked body to the letter of RFC 9112 section 7.1, in any splits, bounded and linear.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shaper/http/chunk_scanner.h"

namespace tasklane {
namespace {

struct Read {
  std::size_t taken = 0;
  std::string body;
  bool done = false;
  bool failed = false;
};

Read read(std::string_view bytes, std::size_t piece, ChunkReading reading = ChunkReading::strict) {
  ChunkScanner scanner(reading);
  Read result;
  while (result.taken < bytes.size() && !scanner.done() && !scanner.failed())
    result.taken += scanner.feed(bytes.substr(result.taken, piece), &result.body);
  result.done = scanner.done();
  result.failed = scanner.failed();
  return result;
}

TEST(ChunkScanner, TakesEveryFormThatTheGrammarHas) {
  const std::vector<std::string> bodies{
      "3\r\nabc\r\n0\r\n\r\n",
      "003\r\nabc\r\n000\r\n\r\n",
      "3;a\r\nabc\r\n0;last\r\n\r\n",
      "3;a=b;c=\"d;e\\\"f\\\\\"\r\nabc\r\n0\r\n\r\n",
      "3 ; a = b\t; c\r\nabc\r\n0\r\n\r\n",
      "3;a=\"\"\r\nabc\r\n0\r\n\r\n",
      "1\r\na\r\n2;x=\"\x80\xff\t \"\r\nbc\r\n0\r\nX-Sum: 1\r\nX-Empty:\r\nX-Odd:\t \x80\r\n\r\n",
  };
  for (const std::string& bytes : bodies)
    for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size() + 9}) {
      const Read result = read(bytes + "GET / HTTP/1.1\r\n\r\n", piece);
      EXPECT_TRUE(result.done) << bytes;
      EXPECT_EQ("abc", result.body) << bytes;
      EXPECT_EQ(bytes.size(), result.taken) << "bytes of the next message were taken: " << bytes;
    }
}

TEST(ChunkScanner, StopsInFrontOfTheFirstByteThatIsWrong) {
  struct Wrong {
    std::string good;
    std::string bad;
  };
  const std::vector<Wrong> all{
      {"", "\r\n"},
      {"", "g\r\n"},
      {"", "-1\r\n"},
      {"", "+1\r\n"},
      {"", " 1\r\n"},
      {"0", "x3\r\n"},
      {"1000000000000000", "0\r\n"},
      {"0000000000000000", "3\r\n"},
      {"3", "\nabc"},
      {"3\r", "\rabc"},
      {"3 ", "\r\n"},
      {"3;a ", "\r\n"},
      {"3;a=b ", "\r\n"},
      {"3;", "\r\n"},
      {"3;a=", "\r\n"},
      {"3;a=", "; b"},
      {"3;", "=b\r\n"},
      {"3;a ", "b\r\n"},
      {"3;a=\"b", "\nc\"\r\n"},
      {"3;a=\"b", "\rc\"\r\n"},
      {"3;a=\"b", std::string(1, '\0') + "\"\r\n"},
      {"3;a=\"b", "\x7f\"\r\n"},
      {"3;a=\"b\\", "\n\"\r\n"},
      {"3;a=\"b\"", "c\r\n"},
      {"3;a=b", "\"c\"\r\n"},
      {"3;a=b", "\x01\r\n"},
      {"3;", "\"a\"\r\n"},
      {"3\r\nabc", "d\r\n"},
      {"3\r\nabc", "\n0\r\n\r\n"},
      {"3\r\nabc\r", "0\r\n\r\n"},
      {"0\r\n", "\n"},
      {"0\r\n\r", "\r"},
      {"0\r\n", " X: folded\r\n"},
      {"0\r\n", ": nameless\r\n"},
      {"0\r\nX", " : 1\r\n"},
      {"0\r\nX", "\r\n"},
      {"0\r\nX: a", "\nY: b\r\n"},
      {"0\r\nX: a\r", "Y: b\r\n"},
      {"0\r\nX: a\r\n", "\tb\r\n"},
      {"0\r\nX: a", std::string(1, '\0') + "\r\n"},
  };
  for (const Wrong& each : all)
    for (const std::size_t piece : {std::size_t{1}, std::size_t{64}}) {
      const Read result = read(each.good + each.bad, piece);
      EXPECT_TRUE(result.failed) << each.good + each.bad;
      EXPECT_EQ(each.good.size(), result.taken) << each.good + each.bad;
    }
}

TEST(ChunkScanner, AnOldServersPaddingIsForgivenWhereThatIsAllowed) {
  const std::string padded = "3   \r\nabc\r\n0  \r\n\r\n";
  EXPECT_TRUE(read(padded, 1).failed);
  EXPECT_TRUE(read(padded, 1, ChunkReading::padded_sizes).done);
}

TEST(ChunkScanner, ExtensionsAreBoundedEachAndAllTogether) {
  const std::string longest = "1;" + std::string(ChunkScanner::longest_extension - 1, 'a') + "\r\nx\r\n";
  EXPECT_FALSE(read(longest, 999).failed);
  EXPECT_TRUE(read("1;" + std::string(ChunkScanner::longest_extension, 'a') + "\r\nx\r\n", 999).failed);
  std::string many;
  for (int chunk = 0; chunk < 5; ++chunk) many += longest;
  EXPECT_TRUE(read(many, 999).failed);
}

TEST(ChunkScanner, ASignatureForEachChunkIsNoExcess) {
  std::string body;
  for (int chunk = 0; chunk < 400; ++chunk)
    body += "400;chunk-signature=" + std::string(64, 'a') + "\r\n" + std::string(1024, 'x') + "\r\n";
  const Read result = read(body + "0\r\n\r\n", 4096);
  EXPECT_TRUE(result.done);
  EXPECT_EQ(400u * 1024, result.body.size());
}

TEST(ChunkScanner, TrailersAreBounded) {
  EXPECT_TRUE(read("0\r\nX: " + std::string(ChunkScanner::longest_trailers, 'a') + "\r\n\r\n", 4096).failed);
  std::string many = "0\r\n";
  for (int field = 0; field < 4000; ++field) many += "X: 1\r\n";
  EXPECT_TRUE(read(many + "\r\n", 4096).failed);
}

}  // namespace
}  // namespace tasklane
