// Where windows of a text begin, held against the plain rule for each of its bytes, one after the other.
#include "shaper/classify/text_print.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/classify/window_set.h"

namespace tasklane {
namespace {

bool is_letter(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_continuation(unsigned char c) { return c >= 0x80 && c < 0xC0; }
bool leads_two_byte_letter(unsigned char c) { return c >= 0xC3 && c <= 0xDF; }

// A word starts behind what is no letter. Scripts without spaces have one at each character; two-byte
// sequences are the letters of the others.
bool starts(std::string_view text, std::size_t at) {
  const auto here = static_cast<unsigned char>(text[at]);
  if (is_continuation(here) || is_space(here)) return false;
  if (at == 0) return true;
  const auto before = static_cast<unsigned char>(text[at - 1]);
  if (is_continuation(before))
    return at < 2 || !leads_two_byte_letter(static_cast<unsigned char>(text[at - 2]));
  return !is_letter(before);
}

bool ends(std::string_view text, std::size_t at) {
  const auto here = static_cast<unsigned char>(text[at]);
  const auto before = static_cast<unsigned char>(text[at - 1]);
  if (is_letter(here) || is_continuation(here) || is_space(before)) return false;
  return is_space(here) || !leads_two_byte_letter(here);
}

std::vector<std::size_t> plain_places(std::string_view text) {
  std::vector<std::size_t> places;
  if (text.size() < window_bytes) return places;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (at + window_bytes <= text.size() && starts(text, at)) places.push_back(at);
    if (at >= window_bytes && ends(text, at)) places.push_back(at - window_bytes);
  }
  places.push_back(text.size() - window_bytes);
  return places;
}

std::string any_text(std::mt19937& random) {
  static const std::array<std::string, 16> pieces{
      "a",    "Z",      "0",      " ",      "\n",     "\t",         ".",
      "\"",   "\u00e9", "\u00ab", "\u0416", "\u4e2d", "\U0001F956", std::string(1, '\0'),
      "\x80", "\xff"};
  const std::size_t kinds = 1 + random() % pieces.size();
  std::string text;
  for (std::size_t count = random() % 200; count > 0; --count)
    text += pieces[(random() % kinds + random() % 2 * 5) % pieces.size()];
  return text;
}

TEST(TextPrint, ItsWindowsBeginAndEndWhereWordsDo) {
  const TextHasher hasher(1, 2);
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = any_text(random);
    std::vector<Window> windows;
    hasher.windows_into(windows, text, 7);
    const std::vector<std::size_t> places = plain_places(text);
    ASSERT_EQ(windows.size(), places.size());
    for (std::size_t i = 0; i < places.size(); ++i) {
      ASSERT_EQ(windows[i].place, places[i] + 7);
      ASSERT_EQ(windows[i].hash, hasher.first_window(std::string_view(text).substr(places[i])));
    }
  }
}

TEST(TextPrint, OfTheWindowsThatAreLookedForNoneIsPassedOver) {
  const TextHasher hasher(1, 2);
  std::mt19937 random(4);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = any_text(random);
    std::vector<Window> all;
    hasher.windows_into(all, text);
    WindowFilter wanted;
    std::vector<Window> looked_for;
    for (const Window& each : all) {
      if (random() % 8 != 0) continue;
      wanted.mark(each.hash);
      looked_for.push_back(each);
    }
    std::vector<Window> found;
    hasher.each_of(wanted, text, [&](const Window& each) {
      found.push_back(each);
      return true;
    });
    std::size_t next = 0;
    for (const Window& each : found)
      if (next < looked_for.size() && each.place == looked_for[next].place &&
          each.hash == looked_for[next].hash)
        ++next;
    ASSERT_EQ(next, looked_for.size());
    ASSERT_LE(found.size(), all.size());
    std::size_t seen = 0;
    hasher.each_of(wanted, text, [&](const Window&) { return ++seen < 3; });
    ASSERT_EQ(seen, std::min<std::size_t>(found.size(), 3)) << "it stops when it is told to";
    ASSERT_TRUE(!looked_for.empty() || found.empty());
  }
}

// The longest run of windows from either end, at each place one after the other.
Overlap plain_overlap(const MessagePrint& message, const WindowSet& text) {
  std::array<std::uint32_t, 2> runs{};
  for (const bool from_end : {false, true}) {
    if (message.count == 0) continue;
    const std::uint32_t anchor = from_end ? message.count - 1 : 0;
    text.each_place(message.windows[anchor], [&](std::size_t place) {
      std::uint32_t run = 0;
      for (; run < message.count; ++run) {
        const std::uint32_t window = from_end ? anchor - run : run;
        const std::size_t expected = place + message.offsets[window] - message.offsets[anchor];
        if (!text.contains(message.windows[window], expected)) break;
      }
      runs[from_end ? 1 : 0] = std::max(runs[from_end ? 1 : 0], run);
    });
  }
  const auto [head, tail] = runs;
  if (message.count > 0 && head == message.count) return {true, message.length};
  const std::size_t head_bytes = head >= 2 ? message.offsets[head - 1] + window_bytes : 0;
  const std::size_t tail_bytes = tail >= 2 ? message.length - message.offsets[message.count - tail] : 0;
  const std::size_t bytes = head_bytes + tail_bytes;
  return {false, bytes >= (head_bytes > 0 ? 160U : 256U) ? bytes : 0};
}

TEST(TextPrint, OfAMessageTheLongestRunIsFoundInAnyText) {
  const TextHasher hasher(1, 2);
  std::mt19937 random(5);
  std::size_t quoted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string message = any_text(random);
    if (round % 2 == 0 && !message.empty())
      for (const std::string phrase = message.substr(0, 1 + random() % 12); message.size() < 600;)
        message += phrase;
    std::string text = any_text(random);
    for (std::size_t times = random() % 4; times > 0; --times) {
      const std::size_t from = random() % (message.size() + 1);
      text += message.substr(random() % 2 == 0 ? 0 : from, random() % 3 == 0 ? from : std::string::npos);
      text += any_text(random).substr(0, random() % 10);
    }
    std::vector<Window> windows;
    hasher.windows_into(windows, text);
    const WindowSet set(windows);
    const MessagePrint print = hasher.print(message);
    const Overlap found = overlap_of(print, set);
    const Overlap plain = plain_overlap(print, set);
    ASSERT_EQ(found.whole, plain.whole);
    ASSERT_EQ(found.bytes, plain.bytes);
    quoted += found.bytes > 0 ? 1 : 0;
  }
  EXPECT_GT(quoted, 300U) << "else nothing was tried";
}

}  // namespace
}  // namespace tasklane
