#include "tools/observe/pcapng_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace tasklane::observe {
namespace {

// All fields in the order of this machine, which the section header tells.
constexpr std::uint32_t section_header = 0x0A0D0D0A, interface_description = 1, enhanced_packet = 6;
constexpr std::uint32_t byte_order_magic = 0x1A2B3C4D;
constexpr std::uint16_t option_end = 0, option_comment = 1, option_program = 4, option_resolution = 9;
constexpr char nanoseconds = 9;

template <class Number>
void put(std::string& to, Number number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void pad(std::string& to) { to.append((4 - to.size() % 4) % 4, '\0'); }

void option(std::string& to, std::uint16_t code, std::string_view value) {
  put(to, code);
  put(to, static_cast<std::uint16_t>(value.size()));
  to.append(value);
  pad(to);
}

}  // namespace

Result<PcapngWriter> PcapngWriter::create(const std::string& path, int link_number,
                                          const std::string& comment) {
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  std::unique_ptr<std::FILE, Close> file(made < 0 ? nullptr : ::fdopen(made, "wb"));
  if (!file) return Error{std::string("cannot be written: ") + std::strerror(errno), path, ""};
  if (const char* const user = std::getenv("SUDO_UID"), * const group = std::getenv("SUDO_GID");
      user != nullptr && group != nullptr && ::geteuid() == 0)
    if (::fchown(made, static_cast<uid_t>(std::atol(user)), static_cast<gid_t>(std::atol(group))) != 0)
      return Error{std::string("cannot be given to you: ") + std::strerror(errno), path, ""};
  PcapngWriter writer(std::move(file), path);
  std::string section;
  put(section, byte_order_magic);
  put(section, std::uint16_t{1});
  put(section, std::uint16_t{0});
  put(section, std::int64_t{-1});  // its length is not told
  if (!comment.empty()) option(section, option_comment, comment);
  option(section, option_program, "tasklane " TASKLANE_VERSION);
  option(section, option_end, "");
  writer.block(section_header, section);
  std::string interface;
  put(interface, static_cast<std::uint16_t>(link_number));
  put(interface, std::uint16_t{0});
  put(interface, std::uint32_t{0});  // no limit
  option(interface, option_resolution, std::string_view(&nanoseconds, 1));
  option(interface, option_end, "");
  writer.block(interface_description, interface);
  return writer;
}

void PcapngWriter::block(std::uint32_t type, const std::string& body) {
  std::string whole;
  const auto length = static_cast<std::uint32_t>(body.size() + 12);
  put(whole, type);
  put(whole, length);
  whole += body;
  put(whole, length);
  failed_ = std::fwrite(whole.data(), 1, whole.size(), file_.get()) != whole.size() || failed_;
}

void PcapngWriter::write(std::string_view frame, std::size_t wire_length, Time at) {
  const auto stamp = static_cast<std::uint64_t>(at.time_since_epoch().count());
  std::string packet;
  packet.reserve(frame.size() + 24);
  put(packet, std::uint32_t{0});
  put(packet, static_cast<std::uint32_t>(stamp >> 32U));
  put(packet, static_cast<std::uint32_t>(stamp));
  put(packet, static_cast<std::uint32_t>(frame.size()));
  put(packet, static_cast<std::uint32_t>(wire_length));
  packet.append(frame);
  pad(packet);
  block(enhanced_packet, packet);
}

Result<void> PcapngWriter::close() {
  failed_ = std::fflush(file_.get()) != 0 || failed_;
  if (failed_) return Error{"cannot be written to its end", path_, "is there room on the disk?"};
  file_.reset();
  return {};
}

}  // namespace tasklane::observe
