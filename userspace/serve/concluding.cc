// How a request ends for its client: answers of Tasklane's own, what was cut, and the last one of a
// connection.
#include "userspace/serve/connection.h"

#include <utility>

#include "shaper/dialect/error_answer.h"
#include "userspace/serve/answer_note.h"
#include "userspace/wire/tunnel.h"

namespace tasklane {

Awaitable<void> Connection::refuse(LocalAnswer answer) {
  const std::string wire = to_wire(answer, false);
  co_await send_all(socket_, wire);
  co_await linger();
}

Awaitable<void> Connection::refuse(int status, const std::string& message, const Request& request) {
  LocalAnswer answer =
      error_answer(request.endpoint.dialect, path_of(request.head().target), status, "tasklane: " + message);
  let_its_page_read(request, answer);
  note(request, answer);
  co_await refuse(std::move(answer));
}

void Connection::note(const Request& request, LocalAnswer& answer) {
  if (!request.config->answer_header || request.verdict.empty()) return;
  const std::string line = answer_note(request);
  const auto colon = line.find(": ");
  answer.fields.push_back({line.substr(0, colon), line.substr(colon + 2)});
}

void Connection::let_its_page_read(const Request& request, LocalAnswer& answer) {
  const std::string* const origin = request.head().field("Origin");
  if (origin == nullptr || allow_an_origin(answer.fields)) return;
  const ServerKey server = server_key(origin_, request.config->original());
  for (HeaderField& field : context_.book.origins(server).said_to(*origin))
    answer.fields.push_back(std::move(field));
}

void Connection::note_origin(const Request& request, const Exchange::Report& report) {
  const std::string* const origin = request.head().field("Origin");
  const Upstream& original = request.config->original();
  if (origin == nullptr || report.answer.status == 0 || report.upstream != original.name) return;
  context_.book.origins(server_key(origin_, original)).answered(*origin, report.answer.cross_origin);
}

// The client may still be sending, and a reset would overtake the answer.
Awaitable<void> Connection::linger() {
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  deadline_ = now() + std::chrono::seconds(2);
  for (std::size_t drained = 0; drained < (8u << 20); drained += input_->bytes().size()) {
    const std::uint64_t seen = input_->received();
    input_->consume(input_->bytes().size());
    if (!co_await input_->more_than(seen)) break;
  }
}

std::optional<bool> Connection::concluded(const Request& request, const Exchange::Report& report) {
  const bool whole = report.answer.end == AnswerEnd::complete && request.scanner->is_done();
  if (!whole || report.ambiguous) return std::nullopt;
  return request.scanner->keep_alive() && report.answer.client_keep_alive;
}

Awaitable<bool> Connection::conclude(Request& request, Exchange::Report& report) {
  if (report.ambiguous) {
    ++context_.statistics.relay().refused_requests;
    if (report.answer.begun) {
      reset_client();
    } else {
      const std::string why = "the request can be read in two ways: " + request.scanner->problem();
      co_await refuse(400, why, request);
    }
    co_return false;
  }
  switch (report.answer.end) {
    case AnswerEnd::complete:
      // Of a request that has not been taken in whole the rest would be read as the next one.
      co_await linger();
      co_return false;
    case AnswerEnd::upgraded:
      co_await tunnel(socket_, input_, report.connection, std::move(report.answer.leftover));
      co_return false;
    case AnswerEnd::no_answer:
    case AnswerEnd::passed_over:
      if (report.dialled.has_error() && !origin_.steered) {
        const std::string message =
            "upstream '" + report.upstream + "' cannot be reached: " + report.dialled.error().text();
        co_await refuse(502, message, request);
      } else {
        reset_client();  // as the model server itself would have left it
      }
      co_return false;
    case AnswerEnd::unreadable:
    case AnswerEnd::broken:
      co_await conclude_broken(request, report);
      co_return false;
    default:
      co_return false;
  }
}

// What was cut must look cut: to the client that has a part of it by how its connection ends, to one that has
// nothing yet by a 502.
Awaitable<void> Connection::conclude_broken(const Request& request, const Exchange::Report& report) {
  const AnswerReport& answer = report.answer;
  if (answer.begun) {
    if (answer.reset) reset_client();
  } else if (answer.end == AnswerEnd::unreadable) {
    const std::string why =
        "upstream '" + report.upstream + "' sent an answer that can be read in two ways: " + answer.problem;
    co_await refuse(502, why, request);
  } else {
    const std::string why = "upstream '" + report.upstream + "' broke off";
    co_await refuse(502, why, request);
  }
}

void Connection::reset_client() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

}  // namespace tasklane
