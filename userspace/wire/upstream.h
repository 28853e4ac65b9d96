// Connections to model servers: dialled, kept while idle, and taken again. The agent's own connections must
// pass the steering that catches everybody else's: they leave from ports that OwnPorts announces to the
// kernel program.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/steer/dialer.h"
#include "userspace/wire/io.h"
#include "userspace/wire/spent.h"

namespace tasklane {

// How the server of a steered client is dialled in the client's stead.
struct Stead {
  bool own_address = false;  // from the address that is dialled, for the client did not come over loopback
  std::string device;        // by this interface, where its listener is bound to one; empty: any
  std::uint64_t place = 0;   // the network namespace that the client was steered in: see set_place()
  auto operator<=>(const Stead&) const = default;
};

class TlsClient;
struct PlainEnd;

// What a connection is to. One that was verified for one name serves no other.
struct Destination {
  TcpEndpoint endpoint;
  Stead stead = {};
  std::shared_ptr<TlsClient> tls = nullptr;  // null: in clear
  bool operator<(const Destination& other) const {
    return std::tie(endpoint, stead, tls) < std::tie(other.endpoint, other.stead, other.tls);
  }
};

// One connection to a model server; closes when it goes.
class UpstreamConnection {
 public:
  // `end`: what of the connection lies behind the socket is to end with it; empty: nothing does.
  UpstreamConnection(TcpSocket socket, Destination place, std::function<void()> end = {})
      : socket_(std::move(socket)), destination_(std::move(place)), end_(std::move(end)) {}
  ~UpstreamConnection() { abort(); }
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  TcpSocket& socket() { return socket_; }
  // Where what the server sends is read to, for one reader; kept from request to request.
  static constexpr std::size_t landing_size = 16U << 10;
  char* landing() {
    if (!landing_) landing_ = std::make_unique_for_overwrite<char[]>(landing_size);
    return landing_.get();
  }
  [[nodiscard]] const TcpEndpoint& peer() const { return destination_.endpoint; }
  [[nodiscard]] const Destination& destination() const { return destination_; }
  [[nodiscard]] bool reused() const { return reused_; }
  void mark_reused() { reused_ = true; }
  // Says to the server that nothing more will be asked on this connection.
  void half_close();
  [[nodiscard]] bool half_closed() const { return half_closed_; }
  // Ends whatever waits on it, at once.
  void abort();
  // Whether an idle connection is still good: nothing to read, not closed by the peer.
  [[nodiscard]] bool still_idle();
  // Of a connection that the peer has ended in good order: it did so before all that was sent had reached it,
  // and what it had not got by then it will not read. A reset says nothing: it may have read all before.
  [[nodiscard]] bool closed_before_it_was_read();

  Time idle_since{};

 private:
  TcpSocket socket_;
  Destination destination_;
  std::function<void()> end_;
  std::unique_ptr<char[]> landing_;
  bool reused_ = false;
  bool half_closed_ = false;
};

// A dial under way, for whoever may want it no longer. Lives as long as either side holds it.
class Dialling {
 public:
  // The dial fails at once, and no other address is tried.
  void give_up() {
    given_up_ = true;
    end();
  }
  [[nodiscard]] bool given_up() const { return given_up_; }

 private:
  friend class UpstreamConnections;
  void expire() {
    expired_ = ends_it_ != nullptr;
    end();
  }
  void end() {
    if (ends_it_) ends_it_();
  }
  std::function<void()> ends_it_;  // what is under way: a connection, a handshake, a name being resolved
  bool expired_ = false;
  bool given_up_ = false;
};

// How long an address is waited for.
enum class DialPatience : std::uint8_t {
  usual,   // the connect timeout
  little,  // another address serves as well: a host that is there has answered sooner
  endless  // the kernel alone says when it has failed, as it would to the client
};

// Shared, for an upload and the answer to it run side by side on one connection.
using UpstreamPtr = std::shared_ptr<UpstreamConnection>;

class UpstreamConnections {
 public:
  UpstreamConnections(asio::io_context& io, Dialer dialer, Duration connect_timeout)
      : io_(io), dialer_(std::move(dialer)), connect_timeout_(connect_timeout) {}

  // An idle connection to that very place, where there is one, else null.
  UpstreamPtr take_idle(const Destination& to);
  // Whoever calls shows that the last request went out and its answer came in, both whole. One that is
  // half-closed is closed.
  void keep_idle(UpstreamPtr connection, SentWhole sent, ReadWhole read, Time at);
  // The same of one on which nothing was asked yet.
  void keep_unused(UpstreamPtr connection, Time at);
  [[nodiscard]] bool has_idle(const std::shared_ptr<TlsClient>& tls) const;
  [[nodiscard]] bool keeps_nothing() const { return most_idle_ == 0; }
  // A new connection, behind its handshake where it is by TLS. `steered`: a client was steered away from
  // there, so it is this host's, and the server sees it come as `stead` says. `dialling` may be null. Error:
  // refused, unreachable, timed out, given up; `what` is the system's word.
  Awaitable<Result<UpstreamPtr>> dial(Destination to, bool steered, DialPatience patience = {},
                                      std::shared_ptr<Dialling> dialling = nullptr);
  // Addresses of a name or literal; literals never wait. Answers are kept for 30 s. The system may take as
  // long as it likes: whoever gives up does not wait for it. `dialling` may be null.
  Awaitable<Result<std::vector<TcpEndpoint>>> resolve(std::string host, std::uint16_t port,
                                                      std::shared_ptr<Dialling> dialling = nullptr);
  // The same where nobody has to be asked: of literals, and of answers that are still kept. Else none.
  [[nodiscard]] std::vector<TcpEndpoint> known_addresses(const std::string& host, std::uint16_t port) const;
  // Names for which the system is still asked, also those that nobody waits for any more.
  [[nodiscard]] std::size_t resolving() const { return *resolving_; }
  // At the end: closes what is idle, and keeps nothing from here on.
  void keep_none() {
    most_idle_ = idle_count_ = 0;
    idle_.clear();
  }
  // Closes what has been idle too long. Called about once a second.
  void sweep(Time at);
  // From here on steered clients' servers are in another network namespace, in which `maker` makes sockets
  // (null: none is there). What was steered in an earlier one has no server any more.
  void set_place(std::uint64_t place, SocketMaker* maker) {
    place_ = place;
    if (maker != nullptr) dialer_.make_local_sockets_by(*maker);
  }
  void set_connect_timeout(Duration timeout) { connect_timeout_ = timeout; }
  // Idle connections to all servers together; the oldest go first. Default: no bound.
  void keep_at_most(std::size_t idle) { most_idle_ = idle; }

 private:
  struct Question;
  void ask(const std::shared_ptr<Question>& question, const std::string& host, std::uint16_t port);
  struct Resolved {
    std::vector<TcpEndpoint> endpoints;
    Time until;
  };
  asio::io_context& io_;
  Dialer dialer_;
  Duration connect_timeout_;
  Result<OwnDial> socket_for(const Destination& to, bool steered) const;
  Awaitable<Result<PlainEnd>> begin_tls(std::shared_ptr<TlsClient> tls, TcpSocket socket,
                                        std::shared_ptr<Dialling> dialling);
  std::uint64_t place_ = 0;
  void drop_oldest();

  std::size_t most_idle_ = std::numeric_limits<std::size_t>::max();
  std::size_t idle_count_ = 0;
  std::shared_ptr<std::size_t> resolving_ = std::make_shared<std::size_t>(0);
  std::map<Destination, std::deque<UpstreamPtr>> idle_;
  std::map<std::pair<std::string, std::uint16_t>, Resolved> resolved_;
};

// Aborts the connection once `timeout` has passed, unless the timer is cancelled before, or `still` says no
// (empty: it is asked for nothing). Whoever waits on the connection then sees it end.
void abort_after(Timer& timer, Duration timeout, UpstreamPtr connection, std::function<bool()> still = {});

// Writes all of it: at once where the kernel takes it, waiting where it does not. False: the peer is gone.
Awaitable<bool> send_all(TcpSocket& socket, std::string_view bytes);

}  // namespace tasklane
