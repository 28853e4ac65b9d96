// The agent's control socket: HTTP/1.1 with JSON over a UNIX stream socket, and, where configured, metrics
// alone over TCP. Knows nothing of the agent: routes are functions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "shaper/base/result.h"
#include "userspace/wire/io.h"

namespace tasklane {

struct ControlAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

class ControlServer {
 public:
  // What a handler throws becomes a 500 that tells what.
  using Handler = std::function<ControlAnswer(const std::string& body)>;
  using Routes = std::map<std::pair<std::string, std::string>, Handler>;  // {method, path}
  // Whether a process may ask this; empty: any may. Asked of the processes at a UNIX socket alone.
  struct Peer {
    uid_t user = 0;
    std::vector<gid_t> groups;  // its own first
  };
  using Permission =
      std::function<bool(const Peer& peer, const std::string& method, const std::string& path)>;

  // `patience`: how long one request and its answer may take, and how long a connection may be idle.
  explicit ControlServer(asio::io_context& io, Duration patience = std::chrono::seconds(10));
  ~ControlServer();  // removes the socket's file
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // unix_listener.h says how; the file is removed by close().
  Result<void> listen_unix(const std::string& path, Routes routes, Permission may = {});
  // "address:port" (port 0: any free one), opened in the network namespace of the calling thread; the port.
  Result<std::uint16_t> listen_tcp(const std::string& address, Routes routes);
  void close();

 private:
  struct Listening;
  void serve(std::shared_ptr<Listening> listening);

  asio::io_context& io_;
  const Duration patience_;
  std::string path_;
  std::vector<std::shared_ptr<Listening>> listening_;
};

}  // namespace tasklane
