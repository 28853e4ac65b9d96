// A hosted service as a test plays it: the server's side of TLS, blocking.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "relay/relay_fixture.h"
#include "support/authority.h"

namespace tasklane {

// The server's end of one connection by TLS; blocking.
class SecurePeer {
 public:
  SecurePeer(Peer peer, SSL_CTX* context) : peer_(std::move(peer)), tls_(SSL_new(context)) {
    SSL_set_fd(tls_.get(), peer_.descriptor());
    open_ = SSL_accept(tls_.get()) == 1;
    ERR_clear_error();
  }
  SecurePeer(SecurePeer&&) = default;
  ~SecurePeer() {
    if (tls_ && open_) SSL_shutdown(tls_.get());
    ERR_clear_error();
  }

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool resumed() const { return SSL_session_reused(tls_.get()) == 1; }
  [[nodiscard]] std::string version() const { return SSL_get_version(tls_.get()); }
  [[nodiscard]] std::string asked_for() const {
    const char* const name = SSL_get_servername(tls_.get(), TLSEXT_NAMETYPE_host_name);
    return name == nullptr ? "" : name;
  }
  // Whether the client agrees to another handshake on this connection (RFC 5246 section 7.4.1.1).
  bool renegotiates() {
    const bool agreed = SSL_renegotiate(tls_.get()) == 1 && SSL_do_handshake(tls_.get()) == 1 &&
                        SSL_do_handshake(tls_.get()) == 1 && SSL_renegotiate_pending(tls_.get()) == 0;
    ERR_clear_error();
    return agreed;
  }
  void send(const std::string& bytes) { SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size())); }
  std::string until(const std::string& end) {
    std::string bytes;
    while (!bytes.ends_with(end)) {
      const std::string one = receive(1);
      if (one.empty()) break;
      bytes += one;
    }
    return bytes;
  }
  std::string receive(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
      const int more = SSL_read(tls_.get(), bytes.data() + got, static_cast<int>(count - got));
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    bytes.resize(got);
    return bytes;
  }

 private:
  Peer peer_;
  std::unique_ptr<SSL, FreedBy<SSL_free>> tls_;
  bool open_ = false;
};

// Listens as `localhost` does.
class SecureServer {
 public:
  // `newest`: no TLS version above it.
  SecureServer(const Authority& authority, const Vouched& what, int newest = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_server_method())) {
    const KeyPair key = authority.key();
    const Certificate certificate = authority.vouch(what, key.get());
    SSL_CTX_use_certificate(context_.get(), certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), key.get());
    SSL_CTX_set_security_level(context_.get(), 0);  // what is too old is the client's to refuse
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), newest);
  }
  [[nodiscard]] std::string url() const { return "https://localhost:" + std::to_string(listening_.port()); }
  SecurePeer accept() { return SecurePeer(listening_.accept(), context_.get()); }
  Peer accept_plainly() { return listening_.accept(); }
  bool called_within(std::chrono::milliseconds time) { return listening_.called_within(time); }
  void stop() { listening_.stop(); }

 private:
  Server listening_{htonl(INADDR_LOOPBACK)};
  std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>> context_;
};

}  // namespace tasklane
