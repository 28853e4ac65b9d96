// Where packets come from: a file or the network, by libpcap. No other file of the project knows libpcap.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/result.h"
#include "shaper/base/time.h"
#include "shaper/observe/packet.h"

struct pcap;

namespace tasklane::observe {

// Valid during the call.
struct CapturedPacket {
  std::string_view frame;
  std::size_t wire_length = 0;
  Time at;  // since 1970
};

struct LiveOptions {
  std::string device = "any";
  std::optional<std::string> netns;  // NAME, PATH or process id
  std::string filter = "tcp";
  int buffer_bytes = 32 << 20;
};

class Capture {
 public:
  // Error: no capture, a link layer that is not read, or cut short in its head.
  static Result<Capture> open_file(const std::string& path);
  // Error: not permitted (exit code 3), no such device or namespace, a filter that is none.
  static Result<Capture> open_live(const LiveOptions& options);
  Capture(Capture&&) noexcept;
  Capture& operator=(Capture&&) noexcept;
  ~Capture();

  using Take = std::function<void(const CapturedPacket&)>;
  // All of a file. Error: it is cut short or broken behind the packets that were taken.
  Result<void> read_all(const Take& take);
  // Of a live one: what has come, after at most a tenth of a second. Error: the device has gone.
  Result<void> read_some(const Take& take);

  [[nodiscard]] LinkLayer link() const { return link_; }
  [[nodiscard]] int link_number() const { return link_number_; }  // as in files
  // Packets that the kernel could not keep for want of room. 0 of a file.
  [[nodiscard]] std::uint64_t lost() const;

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  Capture(std::unique_ptr<pcap, Close> handle, LinkLayer link, std::string name);
  Result<void> dispatch(const Take& take, bool all);

  std::unique_ptr<pcap, Close> handle_;
  LinkLayer link_;
  int link_number_ = 1;
  std::string name_;
};

// From here on this process can do no more than the person who called sudo, or than nobody. Error: it could
// not.
Result<void> drop_privileges();

}  // namespace tasklane::observe
