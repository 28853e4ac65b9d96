// Brings an upstream's answer to the client: byte for byte as it comes, or, where the rule replaced the
// model's name, with the name the client asked for. Only what the scanner has accepted is passed on; an
// answer whose end is not sure is not passed on at all.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shaper/dialect/response_model.h"
#include "shaper/http/head_rewrite.h"
#include "shaper/http/message_scanner.h"
#include "userspace/wire/memory_budget.h"
#include "userspace/wire/spent.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

enum class AnswerEnd {
  complete,     // the whole answer has reached the client
  upgraded,     // 101, or 2xx to CONNECT: what follows is no HTTP
  no_answer,    // the upstream closed before one byte
  passed_over,  // an error status while another upstream is left: nothing of it was passed on
  unreadable,   // what came cannot be framed for sure: nothing of it was passed on
  broken,       // the upstream ended in the middle
  client_gone,
};

struct AnswerWishes {
  bool to_head_request = false;
  bool to_connect_request = false;
  bool pass_over_errors = false;  // another upstream is left
  bool swallow_continue = false;  // the client has had its 100 Continue
  bool client_is_http10 = false;
  std::optional<std::string> client_model;  // give the answer's `model` back as this
  bool keep_copy = false;                   // of the body, for a re-warm
  std::uint32_t header_limit = 1u << 20;
  MemoryBudget* memory = nullptr;  // for what is held of the answer; null: no bound
  std::function<bool()>
      is_last;  // asked when the head goes: the client's connection ends behind it; empty: no
  std::function<std::string()> note;  // asked then, too: a line to add to the head; empty: none
  std::function<bool()> may_upgrade;  // the request has gone out whole; empty: yes
};

struct AnswerReport {
  AnswerEnd end = AnswerEnd::no_answer;
  int status = 0;
  std::string server;                     // the answer's Server field
  std::vector<HeaderField> cross_origin;  // its fields of pages of another origin
  std::optional<Duration> retry_after;    // its Retry-After, in seconds
  std::string problem;                    // why it was unreadable
  bool begun = false;                     // bytes of the final answer have gone to the client
  bool reset = false;  // it ended by a reset, or so that only a reset shows the client that it was cut
  bool client_keep_alive = false;  // the client may send its next request on its connection
  std::optional<ReadWhole> spent;  // the upstream's connection may be used again
  std::uint64_t bytes = 0;         // sent to the client
  std::optional<Time> first_byte;  // of the body, or of the head where there is no body
  std::string leftover;            // after an upgrade: bytes that followed the head
  std::string copy;                // of a body that was asked to be kept and is not too long
};

class AnswerRelay {
 public:
  // A JSON answer whose model's name is to be replaced is held whole, up to so many bytes as received; a
  // longer one, or one for which others leave no memory, is passed on as it came.
  static constexpr std::size_t longest_held = 8u << 20;

  AnswerRelay(TcpSocket& client, UpstreamConnection& upstream, AnswerWishes wishes);
  Awaitable<AnswerReport> run();
  [[nodiscard]] bool sent_anything() const { return sent_anything_; }

 private:
  // What is to be done next. Looking at what has come and passing it on mostly takes no wait, and so no
  // coroutine.
  enum class Next {
    read,       // more of the answer
    interim,    // a head that is not the final one's is to go on
    upgrade,    // a head behind which no HTTP follows
    send,       // `left_` of the body, which the client's socket did not take
    send_last,  // the same, and nothing follows
    done,       // all of it has been passed on
    ended,      // `report_.end` says why
  };
  Next look();
  Next look_at_head();
  Next begin_final();
  Next look_at_body();
  Next behind_passing();
  Next at_the_end(const error_code& error);
  void landed(std::size_t count);
  void keep_unread();
  Awaitable<bool> take_interim();
  Awaitable<void> upgrade();
  AnswerReport finished();
  void begin_transform();
  void finish_head();
  void break_off();
  [[nodiscard]] bool client_sees_the_end() const;
  HeadChanges changes_of_body() const;
  bool pass_at_once(std::string_view& raw);
  Awaitable<bool> pass(std::string_view raw, bool last);
  Awaitable<bool> pass_held(std::string_view raw, bool last);
  Awaitable<bool> pass_transformed(bool last);
  Awaitable<bool> send(std::string_view bytes);
  Awaitable<bool> send_behind_head(std::string_view bytes);
  void reset_scanner();

  TcpSocket& client_;
  UpstreamConnection& upstream_;
  AnswerWishes wishes_;
  AnswerReport report_;
  std::optional<ResponseScanner> scanner_;
  std::string_view unread_;  // received, not yet read by the scanner: in the landing, or in `kept_`
  std::string kept_;
  std::string_view left_;    // read, to be sent: in front of `unread_`
  bool final_head_ = false;  // it has come
  ScanState body_ = ScanState::need_more;
  std::string head_;     // complete, not yet sent
  std::string decoded_;  // body bytes for the transformer
  std::string held_;     // the body of a JSON answer as received
  std::unique_ptr<ResponseModel> transform_;
  AnswerFormat format_ = AnswerFormat::opaque;
  bool sent_anything_ = false;
  bool said_last_ = false;
  MemoryShare buffers_;  // of the connection, both ways
  MemoryShare memory_;   // for what is held of the answer
};

}  // namespace tasklane
