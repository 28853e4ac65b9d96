// What every connection of the relay shares. One thread; nothing here is locked.
#pragma once

#include <cstdint>
#include <memory>

#include "shaper/classify/classifier.h"
#include "shaper/count/statistics.h"
#include "shaper/decide/config.h"
#include "shaper/read/body.h"
#include "userspace/relay/io.h"
#include "userspace/relay/upstream.h"

namespace tasklane {

class Steering;

struct RelayContext {
  asio::io_context& io;
  std::shared_ptr<const Config> config;  // replaced whole on reload; a request keeps the one it began with
  Classifier& classifier;
  BodyReader& body_reader;
  Statistics& statistics;
  UpstreamConnections& upstreams;
  bool bypass = false;  // everything passes untouched
  RequestId last_request_id = 0;
  std::uint64_t open_connections = 0;
  const Steering* steering = nullptr;  // null: nothing is steered
  std::uint64_t buffered_bytes = 0;    // of request bodies that are read whole
};

// Where a client wanted to go.
struct Origin {
  bool steered = false;     // caught by the kernel program; else an ordinary listener
  TcpEndpoint destination;  // the steered socket's own address
  std::string host;         // of an ordinary listener's `to`
  std::uint16_t port = 0;
};

}  // namespace tasklane
