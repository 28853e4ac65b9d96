// Brings an upstream's answer to the client: byte for byte as it comes, or, where the rule replaced the
// model's name, with the name the client asked for.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/dialect/response_model.h"
#include "shaper/http/message_scanner.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

enum class AnswerEnd {
  complete,     // the whole answer has reached the client
  upgraded,     // 101: what follows is no HTTP
  no_answer,    // the upstream closed before one byte
  passed_over,  // an error status while another upstream is left: nothing of it was passed on
  broken,       // the upstream closed in the middle, or sent what is not HTTP to its end
  client_gone,
};

struct AnswerWishes {
  bool to_head_request = false;
  bool pass_over_errors = false;  // another upstream is left
  bool swallow_continue = false;  // the client has had its 100 Continue
  bool client_is_http10 = false;
  std::optional<std::string> client_model;  // give the answer's `model` back as this
  bool keep_copy = false;                   // of the body, for a re-warm
  std::uint32_t header_limit = 1u << 20;
};

struct AnswerReport {
  AnswerEnd end = AnswerEnd::no_answer;
  int status = 0;
  std::string server;                // the answer's Server field
  bool client_keep_alive = false;    // the client may send its next request on its connection
  bool upstream_keep_alive = false;  // the upstream's connection may be used again
  std::uint64_t bytes = 0;           // sent to the client
  std::optional<Time> first_byte;    // of the body, or of the head where there is no body
  std::string leftover;              // after 101: bytes that followed the head
  std::string copy;                  // of a body that was asked to be kept and is not too long
};

class AnswerRelay {
 public:
  AnswerRelay(TcpSocket& client, UpstreamConnection& upstream, AnswerWishes wishes);
  Awaitable<AnswerReport> run();
  [[nodiscard]] bool sent_anything() const { return sent_anything_; }

 private:
  Awaitable<bool> receive();    // false: the upstream has closed
  Awaitable<bool> take_head();  // false: `report_.end` says why
  Awaitable<bool> take_interim();
  Awaitable<bool> take_body();
  void begin_transform();
  Awaitable<bool> pass(std::string_view raw);
  Awaitable<bool> pass_transformed(bool last);
  Awaitable<bool> send(std::string_view bytes);
  Awaitable<bool> run_opaque();
  void reset_scanner();

  TcpSocket& client_;
  UpstreamConnection& upstream_;
  AnswerWishes wishes_;
  AnswerReport report_;
  std::optional<ResponseScanner> scanner_;
  std::unique_ptr<char[]> landing_;
  std::string pending_;  // received, not yet read by the scanner
  std::string head_;     // complete, not yet sent
  std::string decoded_;  // body bytes for the transformer
  std::unique_ptr<ResponseModel> transform_;
  AnswerFormat format_ = AnswerFormat::opaque;
  std::string collected_;  // a transformed answer that gets a length of its own
  bool sent_anything_ = false;
};

}  // namespace tasklane
