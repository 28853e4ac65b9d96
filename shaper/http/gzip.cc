#include "shaper/http/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace tasklane {
namespace {

constexpr int gzip_window_bits = 16 + MAX_WBITS;  // zlib.h: "Add 16 to decode only the gzip format"

constexpr std::size_t largest_ratio = 100;
constexpr std::size_t always_allowed = 1U << 20;

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, gzip_window_bits) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// Room for more output: doubled, up to one byte past the limit so that "too large" shows.
void grow(std::string& out, std::size_t used, std::size_t limit) {
  out.resize(std::min(limit + 1, std::max<std::size_t>(used * 2, 16 << 10)));
}

}  // namespace

GunzipResult gunzip(std::string_view packed, std::size_t limit, std::string& out) {
  Inflater inflater;
  out.clear();
  if (!inflater.ready() || packed.empty() || packed.size() > std::numeric_limits<uInt>::max())
    return GunzipResult::broken;
  limit = std::min(limit, std::max(always_allowed, packed.size() * largest_ratio));
  z_stream& stream = inflater.stream();
  // zlib takes its input as Bytef*, without const in this build, and does not write to it.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::size_t used = 0;
  while (true) {
    if (used == out.size()) grow(out, used, limit);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(out.size() - used);
    const int state = inflate(&stream, Z_NO_FLUSH);
    used = out.size() - stream.avail_out;
    if (used > limit) {
      out = {};  // nobody reads it
      return GunzipResult::too_large;
    }
    if (state == Z_STREAM_END) {
      if (stream.avail_in == 0) break;
      if (inflateReset(&stream) != Z_OK) return GunzipResult::broken;
    } else if (state != Z_OK && !(state == Z_BUF_ERROR && stream.avail_out == 0)) {
      return GunzipResult::broken;
    }
  }
  out.resize(used);
  return GunzipResult::done;
}

}  // namespace tasklane
