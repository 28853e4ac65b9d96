#include "tools/observe/capture.h"

#include <grp.h>
#include <linux/capability.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "userspace/steer/netns.h"

namespace tasklane::observe {
namespace {

constexpr int whole_packets = 262144;  // libpcap's own greatest
constexpr int at_most_ms = 100;        // until what has come is given

struct TakeAll {
  const Capture::Take& take;
  Duration unit;  // of the fraction of a second
};

void on_packet(u_char* user, const pcap_pkthdr* header, const u_char* bytes) {
  const auto& all = *reinterpret_cast<TakeAll*>(user);
  const Duration at = std::chrono::seconds(header->ts.tv_sec) + header->ts.tv_usec * all.unit;
  all.take({{reinterpret_cast<const char*>(bytes), header->caplen}, header->len, Time(at)});
}

Error unknown_link(int number, const std::string& where) {
  const char* const name = pcap_datalink_val_to_name(number);
  const char* const words = pcap_datalink_val_to_description(number);
  std::string what = "its link layer is not read here: " + std::string(name == nullptr ? "number" : name);
  what += name == nullptr ? " " + std::to_string(number)
                          : " (" + std::string(words == nullptr ? "" : words) + ")";
  return {what, where,
          "Ethernet, Linux cooked captures, raw IP and loopback are: capture on \"any\" or on an Ethernet "
          "device"};
}

Error not_opened(int code, const char* words, const std::string& device) {
  const bool refused = code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED;
  Error error{"cannot capture: " + std::string(words[0] == '\0' ? pcap_statustostr(code) : words), device,
              ""};
  if (refused) {
    error.hint = "it takes root or CAP_NET_RAW: use sudo, or read a file with -r";
    error.exit = ExitCode::not_permitted;
  } else if (code == PCAP_ERROR_NO_SUCH_DEVICE) {
    error.hint = "`ip link` shows the devices of this network namespace; \"any\" is all of them";
  }
  return error;
}

}  // namespace

void Capture::Close::operator()(pcap* handle) const { pcap_close(handle); }

Capture::Capture(std::unique_ptr<pcap, Close> handle, LinkLayer link, std::string name)
    : handle_(std::move(handle)),
      link_(link),
      link_number_(pcap_datalink(handle_.get())),
      name_(std::move(name)) {
  constexpr int raw_on_linux = 12, raw_in_files = 101;
  if (link_number_ == raw_on_linux) link_number_ = raw_in_files;
}
Capture::Capture(Capture&&) noexcept = default;
Capture& Capture::operator=(Capture&&) noexcept = default;
Capture::~Capture() = default;

Result<Capture> Capture::open_file(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> words{};
  std::unique_ptr<pcap, Close> handle(
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, words.data()));
  if (!handle)
    return Error{std::string("no capture that can be read: ") + words.data(), path,
                 "it takes a pcap or pcapng file, as tcpdump -w writes"};
  const std::optional<LinkLayer> link = link_layer_of(pcap_datalink(handle.get()));
  if (!link) return unknown_link(pcap_datalink(handle.get()), path);
  return Capture(std::move(handle), *link, path);
}

Result<Capture> Capture::open_live(const LiveOptions& options) {
  if (options.netns)
    if (const auto entered = enter_network_namespace(*options.netns); !entered) return entered.error();
  std::array<char, PCAP_ERRBUF_SIZE> words{};
  std::unique_ptr<pcap, Close> handle(pcap_create(options.device.c_str(), words.data()));
  if (!handle) return Error{std::string("cannot capture: ") + words.data(), options.device, ""};
  pcap_set_snaplen(handle.get(), whole_packets);
  pcap_set_timeout(handle.get(), at_most_ms);
  pcap_set_buffer_size(handle.get(), options.buffer_bytes);
  pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO);
  if (const int code = pcap_activate(handle.get()); code < 0)
    return not_opened(code, pcap_geterr(handle.get()), options.device);
  bpf_program program{};
  if (pcap_compile(handle.get(), &program, options.filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return Error{std::string("no filter: ") + pcap_geterr(handle.get()), options.filter, "man pcap-filter"};
  const int set = pcap_setfilter(handle.get(), &program);
  pcap_freecode(&program);
  if (set != 0) return Error{std::string("cannot filter: ") + pcap_geterr(handle.get()), options.device, ""};
  const std::optional<LinkLayer> link = link_layer_of(pcap_datalink(handle.get()));
  if (!link) return unknown_link(pcap_datalink(handle.get()), options.device);
  if (pcap_setnonblock(handle.get(), 1, words.data()) != 0) return Error{words.data(), options.device, ""};
  return Capture(std::move(handle), *link, options.device);
}

Result<void> Capture::dispatch(const Take& take, bool all) {
  const bool nano = pcap_get_tstamp_precision(handle_.get()) == PCAP_TSTAMP_PRECISION_NANO;
  TakeAll user{take, nano ? std::chrono::nanoseconds(1) : std::chrono::microseconds(1)};
  const int count = all ? pcap_loop(handle_.get(), -1, on_packet, reinterpret_cast<u_char*>(&user))
                        : pcap_dispatch(handle_.get(), -1, on_packet, reinterpret_cast<u_char*>(&user));
  if (count >= 0 || count == PCAP_ERROR_BREAK) return {};
  return Error{std::string(pcap_geterr(handle_.get())), name_, ""};
}

Result<void> Capture::read_all(const Take& take) { return dispatch(take, true); }

// A signal ends the waiting, which libpcap's own does not allow.
Result<void> Capture::read_some(const Take& take) {
  pollfd ready{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
  ::poll(&ready, 1, at_most_ms);
  return dispatch(take, false);
}

std::uint64_t Capture::lost() const {
  pcap_stat stat{};
  if (pcap_file(handle_.get()) != nullptr || pcap_stats(handle_.get(), &stat) != 0) return 0;
  return stat.ps_drop + stat.ps_ifdrop;
}

Result<void> drop_privileges() {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::geteuid() == 0) {
    uid_t user = 65534;
    gid_t group = 65534;
    if (const passwd* const nobody = ::getpwnam("nobody")) {
      user = nobody->pw_uid;
      group = nobody->pw_gid;
    }
    const char* const caller = std::getenv("SUDO_UID");
    const char* const callers_group = std::getenv("SUDO_GID");
    if (caller != nullptr && callers_group != nullptr && std::atol(caller) > 0) {
      user = static_cast<uid_t>(std::atol(caller));
      group = static_cast<gid_t>(std::atol(callers_group));
    }
    if (::setgroups(0, nullptr) != 0 || ::setresgid(group, group, group) != 0 ||
        ::setresuid(user, user, user) != 0)
      return Error{std::string("cannot give up root's rights: ") + std::strerror(errno), "", "",
                   ExitCode::not_permitted};
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0)
    return Error{std::string("cannot give up capabilities: ") + std::strerror(errno), "", "",
                 ExitCode::not_permitted};
  return {};
}

}  // namespace tasklane::observe
