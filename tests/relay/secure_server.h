// A hosted service as a test plays it: its own authority, certificates that are right or wrong in one way,
// and the server's side of TLS, blocking.
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "relay/relay_fixture.h"

namespace tasklane {

template <auto free_it>
struct FreedBy {
  template <class T>
  void operator()(T* what) const {
    free_it(what);
  }
};
using Certificate = std::unique_ptr<X509, FreedBy<X509_free>>;
using KeyPair = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;

// What a certificate says.
struct Vouched {
  std::string names = "DNS:localhost";  // as subjectAltName has them
  long from_days = -1;
  long to_days = 1;
};

class Authority {
 public:
  Authority() : key_(EVP_EC_gen("P-256")), certificate_(make("CN", {}, key_.get(), nullptr)) {}

  [[nodiscard]] KeyPair key() const { return KeyPair(EVP_EC_gen("P-256")); }
  [[nodiscard]] Certificate vouch(const Vouched& what, EVP_PKEY* key) const {
    return make("server", what, key, certificate_.get());
  }
  void write(const std::string& file) const {
    std::FILE* out = std::fopen(file.c_str(), "w");
    ASSERT_NE(nullptr, out);
    PEM_write_X509(out, certificate_.get());
    std::fclose(out);
  }

 private:
  static void extend(X509* to, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer == nullptr ? to : issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    X509_add_ext(to, extension, -1);
    X509_EXTENSION_free(extension);
  }
  Certificate make(const char* name, const Vouched& what, EVP_PKEY* key, X509* issuer) const {
    constexpr long day = 24 * 60 * 60;
    Certificate made(X509_new());
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), what.from_days * day);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), what.to_days * day);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer == nullptr ? made.get() : issuer));
    X509_set_pubkey(made.get(), key);
    if (issuer == nullptr)
      extend(made.get(), issuer, NID_basic_constraints, "critical,CA:TRUE");
    else
      extend(made.get(), issuer, NID_subject_alt_name, what.names);
    X509_sign(made.get(), key_.get(), EVP_sha256());
    return made;
  }

  KeyPair key_;
  Certificate certificate_;
};

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
