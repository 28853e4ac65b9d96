#include "tools/bench/observe/day.h"

#include <memory>
#include <stdexcept>
#include <utility>

#include "tools/bench/chat/watch.h"
#include "tools/bench/chat/wire_text.h"
#include "tools/modelsim/dialect_answer.h"
#include "tools/simulate/packets.h"
#include "tools/simulate/wire.h"

namespace tasklane::bench {
namespace {

namespace wire = simulate::wire;

constexpr std::size_t segment_bytes = 32 << 10U;  // as loopback sends them
constexpr Duration epoch = std::chrono::hours(24 * 365 * 56);

// One connection, from its opening to its end.
class Connection {
 public:
  Connection(unsigned port, const GivePacket& give, const World& world)
      : port_(port), give_(give), world_(world) {
    segment(0, {.sequence = next_[0]++, .syn = true, .ack = false});
    segment(1, {.sequence = next_[1]++, .acknowledged = next_[0], .syn = true});
    segment(0, {.sequence = next_[0], .acknowledged = next_[1]});
  }
  void send(int side, std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view part = bytes.substr(0, segment_bytes);
      segment(side, {.sequence = next_[side], .acknowledged = next_[1 - side]}, part);
      next_[side] += static_cast<std::uint32_t>(part.size());
      segment(1 - side, {.sequence = next_[1 - side], .acknowledged = next_[side]});
      bytes.remove_prefix(part.size());
    }
  }
  void close() {
    for (const int side : {1, 0})
      segment(side, {.sequence = next_[side]++, .acknowledged = next_[1 - side], .fin = true});
  }

 private:
  void segment(int side, const wire::Header& header, std::string_view payload = {}) const {
    constexpr unsigned model_port = 11434;
    const std::string tcp = side == 0 ? wire::tcp(port_, model_port, header, payload)
                                      : wire::tcp(model_port, port_, header, payload);
    const std::string packet =
        side == 0 ? wire::ipv4("10.0.0.1", "10.0.0.2", tcp) : wire::ipv4("10.0.0.2", "10.0.0.1", tcp);
    give_(wire::ethernet(0x0800, packet), world_.now() + epoch);
  }

  unsigned port_;
  const GivePacket& give_;
  const World& world_;
  std::uint32_t next_[2] = {1, 1};
};

std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

class Watched : public Front {
 public:
  Watched(World& world, Server& model, const GivePacket& give) : world_(world), model_(model), give_(give) {}

  void ask(Asked asked, Done done) override {
    constexpr unsigned first_port = 1024, ports = 60000;
    const std::string request = wire_request(asked, said_[asked.chat]);
    const simulate::WireRequest read = simulate::read_request(request);
    const Dialect dialect = endpoint_of(read.head.method, read.head.target).dialect;
    auto generation = sim::parse_generation(dialect, read.body, sim::Flavour::llama);
    if (!generation) throw std::runtime_error(generation.error().text());
    const auto connection = std::make_shared<Connection>(first_port + asked_++ % ports, give_, world_);
    connection->send(0, request);
    const auto watch = std::make_shared<Watch>(Watch{world_.now(), {}, {}});
    const auto said = std::make_shared<sim::GenerationRequest>(std::move(*generation));
    sim::Work work = said->work;
    if (asked.request_class == RequestClass::chat) sim::append_tokens(work.quoted, words_of(asked.answer));
    const std::size_t tokens = asked.answer_tokens;
    model_.submit(
        std::move(work), tokens,
        {[this, watch, connection, said] {
           if (said->stream) {
             if (watch->last == Time{})
               connection->send(1,
                                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
                                "chunked\r\n\r\n");
             connection->send(1, chunk(sim::stream_piece(*said, 1, "word ")));
           }
           watch->token(world_.now());
         },
         [this, watch, connection, said, asked, done = std::move(done)](const sim::Usage& usage) {
           if (said->stream) {
             connection->send(1, chunk(sim::stream_end(*said, 1, usage, sim::Flavour::llama)) + "0\r\n\r\n");
           } else {
             const std::string body = sim::whole_answer(*said, 1, "{}", usage, sim::Flavour::llama);
             connection->send(1, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                                     std::to_string(body.size()) + "\r\n\r\n" + body);
           }
           connection->close();
           watch->outcome.total = world_.now() - watch->asked;
           watch->outcome.text = text_of(asked);
           if (asked.request_class == RequestClass::chat) said_[asked.chat].push_back(words_of(asked.answer));
           done(watch->outcome);
         }});
  }

 private:
  World& world_;
  Server& model_;
  const GivePacket& give_;
  unsigned asked_ = 0;
  std::map<std::uint64_t, std::vector<std::string>> said_;  // what the model said in each chat
};

}  // namespace

Seen capture_virtually(const HostOptions& host, const GivePacket& give) {
  World world;
  Server model(world, host.model);
  Watched front(world, model, give);
  People people(world, front, host.habits);
  people.begin();
  world.run(host.how_long);
  return people.seen();
}

}  // namespace tasklane::bench
