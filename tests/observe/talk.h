// TCP conversations written by hand, segment by segment, so that a test can lose, repeat and reorder them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/observe/observation.h"

namespace tasklane::observe {

struct Packet {
  std::string frame;  // Ethernet
  Time at;
  std::size_t wire_length = 0;  // 0: as long as the frame
};
using Packets = std::vector<Packet>;

inline Time at_ms(std::int64_t milliseconds) {
  return Time(std::chrono::milliseconds(1'000'000 + milliseconds));
}

namespace wire {

inline void two(std::string& to, unsigned value) {
  to += static_cast<char>(value >> 8U & 0xFFU);
  to += static_cast<char>(value & 0xFFU);
}
inline void four(std::string& to, std::uint32_t value) {
  two(to, value >> 16U);
  two(to, value & 0xFFFFU);
}

struct Header {
  std::uint32_t sequence = 0, acknowledged = 0;
  bool fin = false, syn = false, rst = false, ack = true;
};

inline std::string tcp(unsigned from, unsigned to, const Header& header, std::string_view payload) {
  std::string bytes;
  two(bytes, from);
  two(bytes, to);
  four(bytes, header.sequence);
  four(bytes, header.ack ? header.acknowledged : 0);
  bytes += static_cast<char>(5U << 4U);
  bytes += static_cast<char>((header.fin ? 1U : 0U) | (header.syn ? 2U : 0U) | (header.rst ? 4U : 0U) |
                             (header.ack ? 16U : 0U));
  two(bytes, 65535);
  four(bytes, 0);
  bytes += payload;
  return bytes;
}

inline std::string ipv4(std::string_view from, std::string_view to, std::string_view inside) {
  std::string bytes;
  two(bytes, 0x4500);
  two(bytes, inside.size() + 20 > 65535 ? 0 : static_cast<unsigned>(inside.size() + 20));
  four(bytes, 0);
  two(bytes, 0x4006);  // time to live, TCP
  two(bytes, 0);
  for (const std::string_view text : {from, to}) {
    const IpBytes address = parse_ip(text).value();
    bytes.append(reinterpret_cast<const char*>(address.data()) + 12, 4);
  }
  return bytes.append(inside);
}

// `extensions`: each {protocol number of the header itself, its bytes but the first}.
inline std::string ipv6(std::string_view from, std::string_view to, std::string_view inside,
                        const std::vector<std::pair<unsigned, std::string>>& extensions = {}) {
  std::string chain;
  for (std::size_t i = 0; i < extensions.size(); ++i) {
    chain += static_cast<char>(i + 1 < extensions.size() ? extensions[i + 1].first : 6U);
    chain += extensions[i].second;
  }
  std::string bytes;
  four(bytes, 0x60000000);
  two(bytes, static_cast<unsigned>(chain.size() + inside.size()));
  bytes += static_cast<char>(extensions.empty() ? 6U : extensions.front().first);
  bytes += '\x40';
  for (const std::string_view text : {from, to}) {
    const IpBytes address = parse_ip(text).value();
    bytes.append(reinterpret_cast<const char*>(address.data()), 16);
  }
  return bytes.append(chain).append(inside);
}

inline std::string ethernet(unsigned type, std::string_view inside) {
  std::string bytes("\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
  two(bytes, type);
  return bytes.append(inside);
}

}  // namespace wire

// Both ends of one connection. Each call makes the next segment of a direction; what becomes of it is the
// test's.
class Talk {
 public:
  explicit Talk(std::string client = "10.77.0.1", unsigned client_port = 40000,
                std::string server = "10.77.0.2", unsigned server_port = 11434)
      : names_{std::move(client), std::move(server)}, ports_{client_port, server_port} {}

  // Sequence numbers of the next bytes.
  std::uint32_t next[2] = {1000, 90000};

  Packet syn(std::int64_t ms) { return raw(0, ms, {.sequence = next[0]++, .syn = true, .ack = false}); }
  Packet syn_ack(std::int64_t ms) {
    return raw(1, ms, {.sequence = next[1]++, .acknowledged = next[0], .syn = true});
  }
  Packet ack(int side, std::int64_t ms) const {
    return raw(side, ms, {.sequence = next[side], .acknowledged = next[1 - side]});
  }
  Packet fin(int side, std::int64_t ms) {
    const Packet made = raw(side, ms, {.sequence = next[side], .acknowledged = next[1 - side], .fin = true});
    ++next[side];
    return made;
  }
  Packet rst(int side, std::int64_t ms) const {
    return raw(side, ms, {.sequence = next[side], .acknowledged = next[1 - side], .rst = true});
  }
  Packet data(int side, std::int64_t ms, std::string_view payload) {
    const Packet made = raw(side, ms, {.sequence = next[side], .acknowledged = next[1 - side]}, payload);
    next[side] += static_cast<std::uint32_t>(payload.size());
    return made;
  }
  Packet client(std::int64_t ms, std::string_view payload) { return data(0, ms, payload); }
  Packet server(std::int64_t ms, std::string_view payload) { return data(1, ms, payload); }
  // In segments of so many bytes, a millisecond apart.
  Packets in_pieces(int side, std::int64_t ms, std::string_view payload, std::size_t piece) {
    Packets packets;
    for (; !payload.empty(); payload.remove_prefix(std::min(piece, payload.size())))
      packets.push_back(data(side, ms++, payload.substr(0, piece)));
    return packets;
  }
  Packets opening(std::int64_t ms) { return {syn(ms), syn_ack(ms), ack(0, ms)}; }

  [[nodiscard]] Packet raw(int side, std::int64_t ms, const wire::Header& header,
                           std::string_view payload = {}) const {
    const auto near = static_cast<std::size_t>(side);
    const std::size_t far = 1 - near;
    const std::string segment = wire::tcp(ports_[near], ports_[far], header, payload);
    const bool old = names_[0].find(':') == std::string::npos;
    const std::string packet =
        old ? wire::ipv4(names_[near], names_[far], segment) : wire::ipv6(names_[near], names_[far], segment);
    return {wire::ethernet(old ? 0x0800 : 0x86DD, packet), at_ms(ms)};
  }

 private:
  std::string names_[2];
  unsigned ports_[2];
};

inline Packets& operator+=(Packets& to, const Packets& more) {
  to.insert(to.end(), more.begin(), more.end());
  return to;
}
inline Packets& operator+=(Packets& to, const Packet& one) {
  to.push_back(one);
  return to;
}

inline std::string post(std::string_view path, std::string_view body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: model\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}
inline std::string chat_request(std::string_view said = "how do tides come about") {
  return post("/api/chat", R"({"model":"m","stream":true,"messages":[{"role":"user","content":")" +
                               std::string(said) + R"("}]})");
}
inline std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}
inline constexpr const char* stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n";
inline std::string token(std::string_view word) {
  return chunk(R"({"model":"m","message":{"role":"assistant","content":")" + std::string(word) +
               "\"},\"done\":false}\n");
}
inline std::string stream_end(int prompt = 12, int generated = 3) {
  return chunk(R"({"model":"m","done":true,"done_reason":"stop","prompt_eval_count":)" +
               std::to_string(prompt) + ",\"eval_count\":" + std::to_string(generated) +
               ",\"prompt_eval_duration\":40000000,\"eval_duration\":90000000}\n") +
         "0\r\n\r\n";
}
inline std::string whole_answer() { return stream_head + token("The ") + token("moon") + stream_end(); }

inline ObserverOptions observer_options() {
  ObserverOptions options;
  options.packs = find_packs({"open-webui"}, {}).value();
  return options;
}

// What is seen of packets, in the order given.
class Watched {
 public:
  explicit Watched(const Packets& packets, ReassemblyLimits limits = {})
      : observation(observer_options(), {}, limits) {
    for (const Packet& packet : packets)
      observation.feed(LinkLayer::ethernet, packet.frame, std::max(packet.wire_length, packet.frame.size()),
                       packet.at);
    observation.finish();
  }
  [[nodiscard]] const std::deque<ObservedRequest>& requests() const {
    return observation.observer().requests();
  }
  [[nodiscard]] const ObservedRequest& only() const { return requests().at(0); }

  Observation observation;
};

}  // namespace tasklane::observe
