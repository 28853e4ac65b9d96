// A capture of anything: frames of any link layer in any order, read as a file is. Whatever comes, reading
// ends, memory stays within its bounds, and no exchange ends before it began.
//
// An input: a byte for the link layer, then frames, each with two bytes of length and one of the time that
// has passed since the one before, in hundredths of a second.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "shaper/observe/observation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tasklane;
  using namespace tasklane::observe;
  if (size == 0) return 0;
  static const auto packs = find_packs({"open-webui"}, {}).value();
  constexpr std::array layers{LinkLayer::ethernet, LinkLayer::null_loopback, LinkLayer::raw_ip,
                              LinkLayer::cooked, LinkLayer::cooked_2};
  ReassemblyLimits limits;
  limits.flow_bytes = 4096;
  limits.all_bytes = 16384;
  limits.flows = 8;
  ObserverOptions options;
  options.packs = packs;
  options.keep = 64;
  Observation observation(options, {}, limits);
  const LinkLayer link = layers[data[0] % layers.size()];
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  Time now(std::chrono::hours(1));
  while (rest.size() >= 3) {
    const auto byte = [&](std::size_t at) {
      return static_cast<std::size_t>(static_cast<unsigned char>(rest[at]));
    };
    const std::size_t length = byte(0) << 8U | byte(1);
    now += std::chrono::milliseconds(10 * byte(2));
    rest.remove_prefix(3);
    const std::string_view frame = rest.substr(0, length);
    observation.feed(link, frame, length, now);
    rest.remove_prefix(frame.size());
  }
  observation.finish();
  for (const ObservedRequest& request : observation.observer().requests())
    if (!request.done() || *request.ended < request.begun || request.whole < request.begun) std::abort();
  return 0;
}
