// A capture made fit to be shared: texts, credentials and addresses replaced, lengths and times as they were,
// checksums right. Takes packets in their order and gives them in the same order, each as soon as all that it
// holds is known; what is no TCP is left out. Deterministic for one capture and one secret.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/observe/redact_flows.h"

namespace tasklane::observe {

// What a redacted file says of itself.
inline constexpr const char* redacted_comment =
    "tasklane: redacted. Texts, credentials, cookies and addresses are replaced (same lengths, checksums "
    "right); "
    "packets that are no TCP are left out.";

class Redactor {
 public:
  using Give = std::function<void(std::string_view frame, std::size_t wire_length, Time at)>;
  Redactor(std::vector<std::shared_ptr<const Pack>> packs, std::uint64_t secret_low,
           std::uint64_t secret_high, Give give);

  void feed(LinkLayer link, std::string_view frame, std::size_t wire_length, Time at);
  void finish();
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

 private:
  struct Waiting {
    std::string frame;
    std::size_t wire_length = 0;
    Time at;
    LinkLayer link = LinkLayer::ethernet;
    std::size_t network_at = 0, transport_at = 0, payload_at = 0, payload = 0;
    SocketName source, destination;
    Fed place;
  };
  void give_what_is_known();
  void give(Waiting& packet);
  const IpBytes& pseudonym(const IpBytes& address);

  RedactedFlows flows_;
  Reassembly reassembly_;
  Give give_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::map<IpBytes, IpBytes> pseudonyms_;
  std::uint32_t last_ipv4_ = 0, last_ipv6_ = 0;
  std::uint64_t left_out_ = 0;
  Time now_{}, ticked_{};
};

}  // namespace tasklane::observe
