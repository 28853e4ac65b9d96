// TCP conversations written by hand, segment by segment, so that a test can lose, repeat and reorder them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shaper/observe/observation.h"
#include "tools/simulate/packets.h"

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

namespace wire = simulate::wire;

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
