// One connection to the simulator: requests one after another.
#include <boost/asio/redirect_error.hpp>
#include <cstdio>

#include "shaper/http/message_scanner.h"
#include "shaper/http/request_head.h"
#include "tools/modelsim/dialect_answer.h"
#include "tools/modelsim/state.h"
#include "userspace/wire/client_input.h"
#include "userspace/wire/upstream.h"

namespace tasklane::sim {
namespace {

constexpr std::size_t longest_log = 20000;
constexpr std::size_t longest_raw = 4u << 20;
constexpr Duration llama_keep_alive = std::chrono::seconds(5);

struct Incoming {
  RequestHead head;
  std::string raw, body;
  int version = 11;
  bool keep_alive = true;
};

const char* reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

class Connection {
 public:
  Connection(Server::State& state, TcpSocket socket)
      : state_(state), socket_(std::move(socket)), input_(std::make_shared<ClientInput>(socket_)) {}
  ~Connection() { input_->stop(); }

  Awaitable<void> run() {
    input_->start();
    Incoming request;
    while (co_await receive(request)) {
      if (!co_await answer(request)) break;
      request = Incoming{};
    }
    error_code ignored;
    socket_.shutdown(TcpSocket::shutdown_both, ignored);
  }

 private:
  [[nodiscard]] bool llama() const { return state_.options.engine.flavour == Flavour::llama; }

  Awaitable<bool> receive(Incoming& request) {
    RequestScanner scanner(1u << 20);
    scanner.collect_into(&request.body);
    const auto timer = std::make_shared<Timer>(socket_.get_executor(), llama_keep_alive);
    if (llama())
      timer->async_wait([input = input_](const error_code& cancelled) {
        if (!cancelled) input->stop();
      });
    std::size_t read = 0;
    bool told_to_continue = false;
    while (!scanner.is_done()) {
      const std::uint64_t received = input_->received();
      const ScanResult scan = scanner.feed(input_->bytes().substr(read));
      read += scan.consumed;
      if (scan.state == ScanState::done) break;
      if (scan.state == ScanState::head_done) {
        if (scanner.head().field("Expect") != nullptr && !told_to_continue) {
          told_to_continue = true;
          co_await send_all(socket_, "HTTP/1.1 100 Continue\r\n\r\n");
        }
        continue;
      }
      if (scan.state != ScanState::need_more) co_return false;
      if (!co_await input_->more_than(received)) co_return false;
      timer->cancel();
    }
    timer->cancel();
    request.head = scanner.head();
    request.version = scanner.version();
    request.keep_alive = scanner.keep_alive();
    request.raw = input_->take(read);
    co_return true;
  }

  Awaitable<bool> reply(const Incoming& request, int status, const std::string& type, const std::string& body,
                        bool close) {
    const bool keep = request.keep_alive && !close;
    std::string wire = "HTTP/1.1 " + std::to_string(status) + " " + reason(status) +
                       "\r\nContent-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
                       (keep ? "" : "\r\nConnection: close") + "\r\n\r\n";
    if (request.head.method != "HEAD") wire += body;
    const bool sent = co_await send_all(socket_, wire);
    co_return sent&& keep;
  }

  void note(const Incoming& request, const GenerationRequest* generation, std::uint64_t id) {
    Received received{
        request.head.method, request.head.target, "", request.raw.substr(0, longest_raw), false, id,
        state_.sim_now()};
    if (generation != nullptr) {
      received.model = generation->model;
      received.stream = generation->stream;
    }
    state_.log.push_back(std::move(received));
    if (state_.log.size() > longest_log) {
      state_.log.pop_front();
      ++state_.dropped_log;
    }
  }

  [[nodiscard]] bool foreign_host(const Incoming& request) const {
    const std::string* host = request.head.field("Host");
    if (!state_.options.check_host || host == nullptr) return false;
    const std::string name = host->substr(0, host->rfind(':'));
    error_code error;
    asio::ip::make_address(name, error);
    return error && name != "localhost" && !name.empty() && !name.ends_with(".local") &&
           !name.ends_with(".internal");
  }

  Awaitable<bool> answer(const Incoming& request) {
    const std::string path(path_of(request.head.target));
    const Endpoint endpoint = endpoint_of(request.head.method, request.head.target);
    if (foreign_host(request)) co_return co_await reply(request, 403, "text/plain", "", false);
    if (!writes_answers(endpoint.dialect)) {
      if (!path.starts_with("/sim/")) note(request, nullptr, 0);
      const StatusAnswer said = status_answer(state_, request.head.method, path, request.body);
      co_return co_await reply(request, said.status, said.content_type, said.body,
                               llama() && said.status >= 400);
    }
    const Result<GenerationRequest> generation = parse_generation(
        endpoint.dialect, request.body, state_.options.engine.flavour, state_.options.engine.priorities);
    if (!generation) {
      note(request, nullptr, 0);
      const std::string body = error_body(endpoint.dialect, state_.options.engine.flavour, 400,
                                          generation.error().what, "invalid_request_error");
      co_return co_await reply(request, 400, "application/json", body, llama());
    }
    co_return co_await generate(request, *generation);
  }

  [[nodiscard]] bool knows(const std::string& model) const {
    if (llama()) return true;  // it takes any name
    for (const std::string& name : state_.options.models)
      if (model == name || model + ":latest" == name || model == name + ":latest") return true;
    return false;
  }

  Awaitable<bool> generate(const Incoming& request, GenerationRequest generation) {
    const Flavour flavour = state_.options.engine.flavour;
    const unsigned number = ++state_.generations;
    if (number <= state_.options.close_before_answer || state_.options.hang ||
        state_.options.refuse_status != 0 || !knows(generation.model)) {
      note(request, &generation, 0);
      if (number <= state_.options.close_before_answer) co_return false;
      if (state_.options.hang) {
        while (co_await input_->more_than(input_->received())) input_->consume(input_->bytes().size());
        co_return false;
      }
      const int status = state_.options.refuse_status != 0 ? state_.options.refuse_status : 404;
      const std::string what =
          status == 404 ? "model '" + generation.model + "' not found" : "refused by the simulator";
      const std::string body = error_body(generation.dialect, flavour, status, what,
                                          status == 404 ? "not_found_error" : "api_error");
      co_return co_await reply(request, status, "application/json", body, llama());
    }
    if (generation.load_only) {
      note(request, &generation, 0);
      co_return co_await reply(request, 200, "application/json",
                               whole_answer(generation, 0, "", Usage{}, flavour), false);
    }
    generation.work.answer = answer_to(generation, state_.options.style);
    const auto session = std::make_shared<Session>(state_.io);
    const std::uint64_t id = state_.engine.submit(generation.work, state_.sim_now());
    note(request, &generation, id);
    state_.sessions[id] = session;
    // Both servers take a client's FIN as the end of its request.
    input_->when_closed([this, id, session] {
      session->closed = true;
      state_.engine.close(id, state_.sim_now());
      session->wake.cancel();
      state_.pump();
    });
    if (input_->closed()) state_.engine.close(id, state_.sim_now());
    state_.pump();
    const bool keep = co_await relay_events(request, generation, id, *session);
    input_->when_closed(nullptr);
    state_.sessions.erase(id);
    co_return keep;
  }

  Awaitable<bool> relay_events(const Incoming& request, const GenerationRequest& generation, std::uint64_t id,
                               Session& session) {
    std::string text;
    bool head_sent = false;
    for (;;) {
      while (session.events.empty()) {
        if (session.closed) co_return false;
        session.wake.expires_at(Timer::time_point::max());
        error_code ignored;
        co_await session.wake.async_wait(asio::redirect_error(use_await, ignored));
      }
      const Event event = std::move(session.events.front());
      session.events.pop_front();
      if (event.kind == EventKind::refused) {
        const std::string body =
            error_body(generation.dialect, state_.options.engine.flavour, 503,
                       "server busy, please try again.  maximum pending requests exceeded", "api_error");
        co_return co_await reply(request, 503, "application/json", body, false);
      }
      if (event.kind == EventKind::token) text += event.text;
      if (!generation.stream) {
        if (event.kind != EventKind::done) continue;
        const std::string body =
            whole_answer(generation, id, text, event.usage, state_.options.engine.flavour);
        co_return co_await reply(request, 200, "application/json", body, false);
      }
      // llama-server sends a stream's head when it launches, Ollama with the first token.
      if (event.kind == EventKind::launched && !llama()) continue;
      std::string wire;
      if (!head_sent) wire = stream_head(request, generation);
      head_sent = true;
      if (event.kind == EventKind::token) wire += piece(request, stream_piece(generation, id, event.text));
      if (event.kind == EventKind::done)
        wire += piece(request, stream_end(generation, id, event.usage, state_.options.engine.flavour));
      if (event.kind == EventKind::done && chunked(request)) wire += "0\r\n\r\n";
      const bool sent = co_await send_all(socket_, wire);
      if (!sent) {
        state_.engine.close(id, state_.sim_now());
        co_return false;
      }
      // llama-server promises to keep the connection and closes it.
      if (event.kind == EventKind::done) co_return request.keep_alive&& request.version >= 11 && !llama();
    }
  }

  [[nodiscard]] bool chunked(const Incoming& request) const { return request.version >= 11 || llama(); }

  std::string stream_head(const Incoming& request, const GenerationRequest& generation) const {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + stream_content_type(generation) +
           (llama() ? "\r\nKeep-Alive: timeout=5, max=100" : "") +
           (chunked(request) ? "\r\nTransfer-Encoding: chunked\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
  }
  std::string piece(const Incoming& request, const std::string& bytes) const {
    if (!chunked(request)) return bytes;
    char size[20];
    std::snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
    return size + bytes + "\r\n";
  }

  Server::State& state_;
  TcpSocket socket_;
  std::shared_ptr<ClientInput> input_;
};

}  // namespace

Awaitable<void> serve_connection(Server::State& state, TcpSocket socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.non_blocking(true, ignored);
  Connection connection(state, std::move(socket));
  co_await connection.run();
}

}  // namespace tasklane::sim
