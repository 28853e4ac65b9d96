// TLS to one host (RFC 8446, RFC 5246; nothing older): its certificate and name are checked, always. What is
// spoken in clear stays in this process: whoever asks gets the plain end of a socket pair, so that all that
// reads and writes connections does the same with one of these. From the event loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "shaper/base/result.h"
#include "userspace/wire/io.h"

namespace tasklane {

// What is written and read in clear.
struct PlainEnd {
  TcpSocket socket;
  // Ends the connection at once, whatever of it is still on its way: a server that reads no more would keep
  // it for ever. To be called when the socket goes.
  std::function<void()> end;
};

class TlsClient {
 public:
  // Certificates in PEM, and the file that they are of, for messages.
  struct Authorities {
    std::string certificates;
    std::string file;
  };
  // `host`: as the url has it, a name or an address. `authorities`: those that may vouch for it; none: the
  // system's. Error: they cannot be read, or there is no certificate among them.
  static Result<std::shared_ptr<TlsClient>> make(const std::string& host,
                                                 const std::optional<Authorities>& authorities);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Shakes hands on a connected socket; a session from before is resumed. `ends_it` is given what ends the
  // handshake early, and an empty one behind it. Error: in OpenSSL's words, or the certificate's fault.
  static Awaitable<Result<PlainEnd>> open(std::shared_ptr<TlsClient> self, TcpSocket socket,
                                          std::function<void(std::function<void()>)> ends_it);

 private:
  struct State;
  explicit TlsClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tasklane
