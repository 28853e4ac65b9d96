#include "userspace/wire/tls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "userspace/wire/spawn.h"
#include "userspace/wire/upstream.h"

namespace tasklane {
namespace {

using TlsStream = asio::ssl::stream<TcpSocket>;

struct FreeSession {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
using Session = std::unique_ptr<SSL_SESSION, FreeSession>;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};

constexpr std::size_t piece = 16U << 10U;  // a TLS record's most (RFC 8446 section 5.1)

Error tls_error(const std::string& host, const std::string& what) {
  return {what, host, "", ExitCode::found};
}

// Asio's own reader takes a text without any certificate for one with none to add.
Result<void> trust(SSL_CTX* context, const TlsClient::Authorities& authorities) {
  const std::string& text = authorities.certificates;
  const std::unique_ptr<BIO, FreeBio> in(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  const auto next = [&in] {
    return std::unique_ptr<X509, FreeCertificate>(PEM_read_bio_X509_AUX(in.get(), nullptr, nullptr, nullptr));
  };
  ERR_clear_error();
  unsigned count = 0;
  for (auto certificate = next(); certificate; certificate = next(), ++count)
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
  const bool at_the_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (count > 0 && at_the_end) return {};
  return Error{count == 0 ? "the file holds no certificate" : "a certificate of the file cannot be read",
               authorities.file, "it holds the authorities' certificates in PEM"};
}

// The plain end and the end that the pumps hold.
Result<std::pair<TcpSocket, TcpSocket>> socket_pair(const Executor& executor) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
    return Error{"no socket pair: " + std::generic_category().message(errno), "", "", ExitCode::found};
  std::pair<TcpSocket, TcpSocket> pair{TcpSocket(executor), TcpSocket(executor)};
  error_code first;
  error_code second;
  // Nothing that is asked of such a socket here is TCP's own.
  pair.first.assign(asio::ip::tcp::v4(), ends[0], first);
  pair.second.assign(asio::ip::tcp::v4(), ends[1], second);
  if (first) ::close(ends[0]);
  if (second) ::close(ends[1]);
  if (first || second) return Error{(first ? first : second).message(), "", "", ExitCode::found};
  return pair;
}

// A connection behind its handshake: two pumps keep it, and either's end is the other's.
struct Pipe {
  Pipe(std::shared_ptr<TlsClient> of, std::unique_ptr<TlsStream> to_server, TcpSocket plain_end)
      : client(std::move(of)), tls(std::move(to_server)), plain(std::move(plain_end)) {}

  std::shared_ptr<TlsClient> client;
  std::unique_ptr<TlsStream> tls;
  TcpSocket plain;

  void end() {
    // A session that ends without a word would not be resumed (SSL_set_shutdown(3)).
    SSL_set_shutdown(tls->native_handle(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    error_code ignored;
    plain.shutdown(TcpSocket::shutdown_both, ignored);
    plain.close(ignored);
    tls->next_layer().close(ignored);
  }
};

Awaitable<void> pump_out(std::shared_ptr<Pipe> pipe) {
  std::array<char, piece> bytes;  // NOLINT: filled by the read
  error_code error;
  while (!error) {
    const std::size_t count =
        co_await pipe->plain.async_read_some(asio::buffer(bytes), asio::redirect_error(use_await, error));
    if (error) break;
    const auto out = asio::buffer(bytes.data(), count);
    co_await asio::async_write(*pipe->tls, out, asio::redirect_error(use_await, error));
  }
  pipe->end();
}

// An end without TLS's own word is one all the same: whether a message was whole its framing tells.
Awaitable<void> pump_in(std::shared_ptr<Pipe> pipe) {
  std::array<char, piece> bytes;  // NOLINT: filled by the read
  for (;;) {
    error_code error;
    const std::size_t count =
        co_await pipe->tls->async_read_some(asio::buffer(bytes), asio::redirect_error(use_await, error));
    if (error) break;
    const bool open = co_await send_all(pipe->plain, {bytes.data(), count});
    if (!open) break;
  }
  pipe->end();
}

}  // namespace

struct TlsClient::State {
  explicit State(std::string of) : host(std::move(of)), context(asio::ssl::context::tls_client) {}

  std::string host;
  asio::ssl::context context;
  Session session;  // of the last connection, to be resumed

  [[nodiscard]] bool is_address() const {
    error_code error;
    asio::ip::make_address(host, error);
    return !error;
  }

  // Where a context keeps what is ours: its application data is Asio's.
  static int own_index() {
    static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
  }

  // TLS 1.3 sends its tickets behind the handshake.
  static int keep_session(SSL* of, SSL_SESSION* session) {
    auto* state = static_cast<State*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(of), own_index()));
    state->session.reset(session);
    return 1;  // it is ours now
  }

  void remember_sessions() {
    SSL_CTX* raw = context.native_handle();
    SSL_CTX_set_ex_data(raw, own_index(), this);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(raw, keep_session);
  }

  // Who it is to be: RFC 6066 section 3 wants no address there.
  Result<void> expect_host(TlsStream& tls) const {
    SSL* raw = tls.native_handle();
    const bool address = is_address();
    X509_VERIFY_PARAM* wanted = SSL_get0_param(raw);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool known = address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1
                               : SSL_set1_host(raw, host.c_str()) == 1 &&
                                     SSL_set_tlsext_host_name(raw, host.c_str()) == 1;  // NOLINT: OpenSSL's
    if (!known) return tls_error(host, "the name cannot be checked");
    if (session) SSL_set_session(raw, session.get());
    return {};
  }
};

TlsClient::TlsClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsClient::~TlsClient() = default;

Result<std::shared_ptr<TlsClient>> TlsClient::make(const std::string& host,
                                                   const std::optional<Authorities>& authorities) {
  auto state = std::make_unique<State>(host);
  error_code error;
  state->context.set_verify_mode(asio::ssl::verify_peer, error);
  SSL_CTX_set_min_proto_version(state->context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(state->context.native_handle(), SSL_OP_NO_RENEGOTIATION);
  if (!error && !authorities) state->context.set_default_verify_paths(error);
  if (error) return Error{"the system's authorities cannot be read: " + error.message(), host, ""};
  if (authorities)
    if (const Result<void> trusted = trust(state->context.native_handle(), *authorities); !trusted)
      return trusted.error();
  state->remember_sessions();
  return std::shared_ptr<TlsClient>(new TlsClient(std::move(state)));  // NOLINT: the constructor is private
}

Awaitable<Result<PlainEnd>> TlsClient::open(std::shared_ptr<TlsClient> self, TcpSocket socket,
                                            std::function<void(std::function<void()>)> ends_it) {
  const Executor executor = socket.get_executor();
  auto tls = std::make_unique<TlsStream>(std::move(socket), self->state_->context);
  if (const Result<void> expected = self->state_->expect_host(*tls); !expected) co_return expected.error();
  ends_it([raw = tls.get()] {
    error_code ignored;
    raw->next_layer().close(ignored);
  });
  error_code error;
  co_await tls->async_handshake(asio::ssl::stream_base::client, asio::redirect_error(use_await, error));
  ends_it(nullptr);
  if (error) {
    const long fault = SSL_get_verify_result(tls->native_handle());
    const std::string why = fault == X509_V_OK ? error.message() : X509_verify_cert_error_string(fault);
    co_return tls_error(self->state_->host, "no TLS: " + why);
  }
  auto pair = socket_pair(executor);
  if (!pair) co_return pair.error();
  const auto pipe = std::make_shared<Pipe>(self, std::move(tls), std::move(pair->second));
  spawn(executor, "what goes out by TLS", [pipe]() -> Awaitable<void> { return pump_out(pipe); });
  spawn(executor, "what comes in by TLS", [pipe]() -> Awaitable<void> { return pump_in(pipe); });
  std::function<void()> end = [pumps = std::weak_ptr<Pipe>(pipe)] {
    if (const auto open = pumps.lock()) open->end();
  };
  PlainEnd plain{std::move(pair->first), std::move(end)};
  co_return Result<PlainEnd>(std::move(plain));
}

}  // namespace tasklane
