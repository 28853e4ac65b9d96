#include "shaper/classify/text_print.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "shaper/base/trimmed.h"

namespace tasklane {
namespace {

// Distances of windows from an end of the message: close together where cuts keep text, wide apart further
// in.
constexpr std::array<std::size_t, MessagePrint::max_windows / 2> distances{
    0, 16, 32, 48, 64, 80, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 3072};

enum class ByteKind : std::uint8_t { boundary, letter, space, continuation };

constexpr std::array<ByteKind, 256> make_byte_kinds() {
  std::array<ByteKind, 256> kinds{};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const bool letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z') || (i >= '0' && i <= '9');
    kinds[i] = letter                                 ? ByteKind::letter
               : i == ' ' || (i >= '\t' && i <= '\r') ? ByteKind::space
               : i >= 0x80 && i < 0xC0                ? ByteKind::continuation
                                                      : ByteKind::boundary;
  }
  return kinds;
}
constexpr std::array<ByteKind, 256> byte_kinds = make_byte_kinds();

ByteKind kind_at(std::string_view text, std::size_t at) {
  return byte_kinds[static_cast<unsigned char>(text[at])];
}

// Two-byte sequences are the letters of scripts with spaces (Latin, Greek, Cyrillic, Hebrew, Arabic), but for
// those that begin with C2: Latin-1's signs and quotation marks.
bool two_byte_letter_ends_before(std::string_view text, std::size_t at) {
  if (at < 2) return false;
  const auto lead = static_cast<unsigned char>(text[at - 2]);
  return lead >= 0xC3 && lead <= 0xDF;
}

bool is_start(std::string_view text, std::size_t at) {
  const ByteKind here = kind_at(text, at);
  if (here == ByteKind::continuation || here == ByteKind::space) return false;
  if (at == 0) return true;
  const ByteKind before = kind_at(text, at - 1);
  if (before == ByteKind::continuation) return !two_byte_letter_ends_before(text, at);
  return before != ByteKind::letter;
}

bool is_end(std::string_view text, std::size_t at) {
  const ByteKind here = kind_at(text, at);
  if (here == ByteKind::letter || here == ByteKind::continuation) return false;
  const ByteKind before = kind_at(text, at - 1);
  if (before == ByteKind::space || here == ByteKind::space) return before != ByteKind::space;
  const bool letter_here =
      static_cast<unsigned char>(text[at]) >= 0xC3 && static_cast<unsigned char>(text[at]) <= 0xDF;
  return !letter_here;
}

// What two bytes that follow each other cannot be: inside a word, which is most of a text, neither begins nor
// ends anything.
struct PairKind {
  bool may_start = false;
  bool may_end = false;
};
constexpr std::size_t kinds = 4;

constexpr std::array<PairKind, kinds * kinds> make_pair_kinds() {
  std::array<PairKind, kinds * kinds> pairs{};
  for (std::size_t before = 0; before < kinds; ++before)
    for (std::size_t here = 0; here < kinds; ++here) {
      const auto is = [](std::size_t kind, ByteKind wanted) {
        return kind == static_cast<std::size_t>(wanted);
      };
      PairKind& pair = pairs[before * kinds + here];
      const bool within = is(here, ByteKind::continuation);
      pair.may_start = !within && !is(here, ByteKind::space) && !is(before, ByteKind::letter);
      pair.may_end = !within && !is(here, ByteKind::letter);
    }
  return pairs;
}
constexpr std::array<PairKind, kinds* kinds> pair_kinds = make_pair_kinds();

// Where the windows of a message start, in order: at each word of a short one, at growing distances from the
// ends of a long one; and one that ends where the message ends.
std::vector<std::size_t> places_of(std::string_view text) {
  std::vector<std::size_t> places;
  if (text.size() < window_bytes) return places;
  const std::size_t last = text.size() - window_bytes;
  for (std::size_t at = 0; at < last && places.size() < MessagePrint::max_windows; ++at)
    if (is_start(text, at)) places.push_back(at);
  if (places.size() < MessagePrint::max_windows) {
    places.push_back(last);
    return places;
  }
  places.clear();
  for (const std::size_t distance : distances) {
    if (last < distance) break;
    std::size_t from_start = distance;
    while (from_start < last && !is_start(text, from_start)) ++from_start;
    std::size_t from_end = last - distance;
    while (distance > 0 && from_end > 0 && !is_start(text, from_end)) --from_end;
    places.insert(places.end(), {from_start, from_end});
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

}  // namespace

TextHasher::TextHasher(std::uint64_t secret_low, std::uint64_t secret_high) {
  for (std::size_t i = 0; i < secret_bytes; i += sizeof(std::uint64_t)) {
    const std::array<std::uint64_t, 3> block{secret_low, secret_high, i};
    const std::uint64_t word =
        XXH3_64bits_withSeed(block.data(), sizeof(block), secret_low ^ (secret_high << 1U));
    std::copy_n(reinterpret_cast<const unsigned char*>(&word), sizeof(word),
                secret_.begin() + static_cast<long>(i));
  }
}

WindowHash TextHasher::hash(std::string_view text) const {
  return XXH3_64bits_withSecret(text.data(), text.size(), secret_.data(), secret_.size());
}

WindowHash TextHasher::hash_window(const char* bytes) const {
  return XXH3_64bits_withSecret(bytes, window_bytes, secret_.data(), secret_.size());
}

void TextHasher::windows_into(std::vector<Window>& list, std::string_view text, std::size_t shift) const {
  ByteKind before = ByteKind::space;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const ByteKind here = kind_at(text, at);
    const PairKind pair = pair_kinds[static_cast<std::size_t>(std::exchange(before, here)) * kinds +
                                     static_cast<std::size_t>(here)];
    if (pair.may_start && at + window_bytes <= text.size() && is_start(text, at))
      list.push_back({hash_window(text.data() + at), shift + at});
    if (pair.may_end && at >= window_bytes && is_end(text, at))
      list.push_back({hash_window(text.data() + at - window_bytes), shift + at - window_bytes});
  }
  if (text.size() < window_bytes) return;
  const std::size_t last = text.size() - window_bytes;
  list.push_back({hash_window(text.data() + last), shift + last});
}

WindowHash TextHasher::first_window(std::string_view text) const {
  return text.size() < window_bytes ? 0 : hash_window(text.data());
}

MessagePrint TextHasher::print(std::string_view untrimmed) const {
  const std::string_view text = trimmed(untrimmed);
  MessagePrint print;
  print.whole = hash(text);
  print.length = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), UINT32_MAX));
  const std::vector<std::size_t> places = places_of(text);
  for (const std::size_t place : places) {
    print.offsets[print.count] = static_cast<std::uint32_t>(place);
    print.windows[print.count++] = hash_window(text.data() + place);
  }
  return print;
}

}  // namespace tasklane
