// TLS to one host (RFC 8446, RFC 5246; nothing older): its certificate and name are checked, always. What is
// spoken in clear stays in this process: whoever asks gets the plain end of a socket pair, so that all that
// reads and writes connections does the same with one of these. From the event loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "shaper/base/result.h"
#include "userspace/wire/io.h"

namespace tasklane {

class TlsClient {
 public:
  // `host`: as the url has it, a name or an address. `ca_file`: the authorities that may vouch for it, in
  // PEM; empty: the system's. Error: they cannot be read.
  static Result<std::shared_ptr<TlsClient>> make(const std::string& host, const std::string& ca_file);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Shakes hands on a connected socket; a session from before is resumed. The plain end: what it is closed
  // by ends the connection. `ends_it` is given what ends the handshake early, and an empty one behind it.
  // Error: in OpenSSL's words, or the certificate's fault.
  static Awaitable<Result<TcpSocket>> open(std::shared_ptr<TlsClient> self, TcpSocket socket,
                                           std::function<void(std::function<void()>)> ends_it);

 private:
  struct State;
  explicit TlsClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tasklane
