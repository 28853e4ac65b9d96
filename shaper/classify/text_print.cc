#include "shaper/classify/text_print.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

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

// Sixteen bytes at once. What speaks for or against a boundary is a byte of ones or of zeros.
using Bytes = unsigned char __attribute__((vector_size(16)));

Bytes load(const unsigned char* from) {
  Bytes bytes;
  std::memcpy(&bytes, from, sizeof(bytes));
  return bytes;
}

auto are_letters(Bytes c) { return (((c | 0x20) - 'a') < 26) | ((c - '0') < 10); }
auto are_spaces(Bytes c) { return (c == ' ') | ((c - '\t') < 5); }
auto are_continuations(Bytes c) { return (c - 0x80) < 0x40; }
auto lead_letters(Bytes c) { return (c - 0xC3) < 0x1D; }  // of two-byte sequences: C3 to DF

constexpr std::size_t block_bytes = 64;
constexpr std::size_t before_block = 2;  // what a boundary depends on
constexpr unsigned char starts_here = 1;
constexpr unsigned char ends_here = 2;

// Says of each byte of a block whether a word starts or ends before it. `text` begins two bytes before the
// block.
void mark_boundaries(const unsigned char* text, std::array<unsigned char, block_bytes>& marks) {
  for (std::size_t i = 0; i < block_bytes; i += sizeof(Bytes)) {
    const Bytes here = load(text + i + 2);
    const Bytes before = load(text + i + 1);
    const Bytes before_that = load(text + i);
    const auto no_start = are_continuations(here) | are_spaces(here) | are_letters(before) |
                          (are_continuations(before) & lead_letters(before_that));
    const auto no_end = are_letters(here) | are_continuations(here) | are_spaces(before) | lead_letters(here);
    const auto found = (~no_start & starts_here) | (~no_end & ends_here);
    std::memcpy(marks.data() + i, &found, sizeof(found));
  }
}

// Visits the boundaries of a text in order, starts before ends. False: the visitor did not want to go on.
template <class Visit>
bool each_boundary(std::string_view text, Visit visit) {
  std::array<unsigned char, before_block + block_bytes> copied{};
  std::array<unsigned char, block_bytes> marks{};
  for (std::size_t from = 0; from < text.size(); from += block_bytes) {
    const std::size_t count = std::min(block_bytes, text.size() - from);
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data()) + from;
    if (from > 0 && count == block_bytes) {
      mark_boundaries(bytes - before_block, marks);
    } else {
      copied.fill(' ');
      const std::size_t before = std::min(from, before_block);
      std::memcpy(copied.data() + before_block - before, bytes - before, before + count);
      mark_boundaries(copied.data(), marks);
      std::fill(marks.begin() + static_cast<long>(count), marks.end(), 0);
    }
    for (std::size_t i = 0; i < block_bytes; i += sizeof(std::uint64_t)) {
      std::uint64_t left = 0;
      for (std::size_t each = sizeof(left); each > 0; --each) left = left << 8U | marks[i + each - 1];
      for (; left != 0; left &= left - 1) {
        const auto bit = static_cast<unsigned>(std::countr_zero(left));
        if (!visit(from + i + bit / 8, (bit & 1U) == 0)) return false;
      }
    }
  }
  return true;
}

// Visits the place of each window, until the visitor does not want to go on.
template <class Visit>
void each_window(std::string_view text, Visit visit) {
  if (text.size() < window_bytes) return;
  const bool all = each_boundary(text, [&](std::size_t at, bool starts) {
    if (starts) return at + window_bytes > text.size() || visit(at);
    return at < window_bytes || visit(at - window_bytes);
  });
  if (all) visit(text.size() - window_bytes);
}

// Where the windows of a message start, in order: at each word of a short one, at growing distances from the
// ends of a long one; and one that ends where the message ends.
std::vector<std::size_t> places_of(std::string_view text) {
  std::vector<std::size_t> places;
  if (text.size() < window_bytes) return places;
  const std::size_t last = text.size() - window_bytes;
  places.reserve(MessagePrint::max_windows + 1);
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
  std::memcpy(&multiplier_, secret_.data(), sizeof(multiplier_));
  multiplier_ |= 1U;
}

WindowHash TextHasher::hash(std::string_view text) const {
  return XXH3_64bits_withSecret(text.data(), text.size(), secret_.data(), secret_.size());
}

// Multiply-shift: whoever does not know the multiplier finds no two beginnings with the same bits.
std::uint64_t TextHasher::begin_of(const char* bytes) const {
  std::uint64_t begin = 0;
  std::memcpy(&begin, bytes, sizeof(begin));
  return begin * multiplier_ >> (64U - WindowFilter::bits);
}

WindowHash TextHasher::hash_window(const char* bytes) const {
  const WindowHash whole = XXH3_64bits_withSecret(bytes, window_bytes, secret_.data(), secret_.size());
  return (whole & ~WindowFilter::mask) | begin_of(bytes);
}

void TextHasher::windows_into(std::vector<Window>& list, std::string_view text, std::size_t shift) const {
  each_window(text, [&](std::size_t at) {
    list.push_back({hash_window(text.data() + at), shift + at});
    return true;
  });
}

void TextHasher::each_of(const WindowFilter& wanted, std::string_view text,
                         const VisitWindow& goes_on) const {
  each_window(text, [&](std::size_t at) {
    if (!wanted.may_begin(begin_of(text.data() + at))) return true;
    const WindowHash hash = hash_window(text.data() + at);
    return !wanted.may_hold(hash) || goes_on({hash, at});
  });
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
