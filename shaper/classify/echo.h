// The echo: a task prompt quotes the chat that was just served, or that is about to come. Keyed hashes of
// recent messages find the quote in any language and any template, among those of the same tenant alone.
// Holds no text; bounded in count and in time. What a quote allows is not said here (certainty.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shaper/base/time.h"
#include "shaper/classify/classification.h"
#include "shaper/classify/text_print.h"
#include "shaper/classify/window_set.h"
#include "shaper/dialect/body.h"

namespace tasklane {

struct EchoOptions {
  Duration keep = std::chrono::minutes(10);  // how long a chat's messages are known
  std::size_t messages = 4096;
  Duration wait = std::chrono::seconds(60);          // how long a request is kept for the chat behind it
  Duration settle = std::chrono::milliseconds(400);  // a title comes no longer before its chat
  std::size_t waiting = 32;
};

// What speaks for and against a quote being a task's.
struct QuoteEvidence {
  bool whole = false;          // the whole message, not the two ends of a cut one
  std::size_t bytes = 0;       // of the message
  bool rendered = false;       // as "USER: <message>", the front end's way to write a conversation down
  bool asks = false;           // the prompt asks for a task's JSON key
  bool asks_in_quote = false;  // the quoted message may be what asks
  bool recent = false;         // the message came within the last two minutes
  bool from_chat =
      false;  // the message comes from a request that can only be a chat (streamed, tools, turns)
  bool starts_with = false;  // the prompt starts with the quote: a prompt that grows, not one about a chat
  bool alone = false;        // nothing but the quote: the same request once more
  bool much_more = false;    // more around the quote than instructions: a document, a whole conversation
  bool compaction_like = false;  // a conversation that is to be summarised in prose, as a compaction is
};

// 0 to 1. What gets 0.5 or more is a task's quote.
double score_of(const QuoteEvidence& evidence);

// What a prompt asks for.
struct Asking {
  bool asks = false;  // for a JSON key that a pack's contract names
  RequestClass asked_class = RequestClass::task;
  std::optional<RequestClass> exact;  // for the exact contract of this class (match.h)
  std::optional<double> token_limit;
};

// A prompt that may quote a chat.
struct EchoPrompt {
  Tenant tenant;
  std::string_view text;    // the last user message
  std::string_view system;  // beside it; may be empty
  Asking asking;
};

// Whose messages they are.
struct ChatOwner {
  Tenant tenant;
  Typist typist;
  RequestId request = 0;  // the chat's last turn that held them
};

struct Quote {
  ChatOwner owner;
  double score = 0;
  QuoteEvidence evidence;
  std::optional<Time> chat_ended;  // nothing: it runs
};

// What was found of a prompt, whether or not that makes it a task.
struct Found {
  std::optional<Quote> quote;
  std::uint64_t shape = 0;  // of what stands around the quotes; 0: nothing is quoted
};

// What a chat that comes says of requests that came before it.
struct Late {
  std::vector<Unmasked> unmasked;
  std::vector<std::uint64_t>
      refuted;  // shapes that quote what the chat says: they were sent before their chat
  std::vector<std::uint64_t> before;  // shapes of requests that the chat comes right behind
};

class Echo {
 public:
  Echo(std::uint64_t secret_low, std::uint64_t secret_high, EchoOptions options = {});

  // A keyed hash; never 0.
  [[nodiscard]] std::uint64_t key_of(std::string_view text) const;

  // The best quote of a message of the same tenant in the prompt. Under `id` it is kept for the chat that may
  // come behind it (0: it is not).
  Found find(const EchoPrompt& prompt, RequestId id, Time now);
  // Answered or gone: its answer's end, where it is a chat; it can be unmasked no more.
  void ended(RequestId id, Time now);
  // The same of a chat whose end is not known, but must have come. Another request may go on.
  void chat_ended(RequestId id, Time now);

  // Keeps the messages of a chat, and says which earlier requests quote its last user message. `surely`
  // means: the request can only be a chat (streamed, with tools, or of several turns).
  Late remember(const BodyFacts& chat, bool surely, const ChatOwner& owner, double threshold, Time now);
  // Whose message that is, word for word.
  [[nodiscard]] std::optional<ChatOwner> owner_of(Tenant tenant, std::string_view message, Time now) const;

 private:
  struct Known {
    MessagePrint print;
    ChatOwner owner;
    bool surely = false;
    bool braces = false;  // it holds a '{', so a JSON key that the prompt shows may be the message's own
    Time seen;
  };
  using Slot = std::uint32_t;

  // What the prompt's own words say, without regard to any chat.
  struct Frame {
    std::size_t length = 0;
    WindowHash first_window = 0;
    std::size_t user_lines = 0;  // lines that begin with "USER: "
    bool assistant_lines = false;
    // What follows "USER: ": the first window, or the whole of a short line.
    std::vector<WindowHash> rendered;
    WindowSet windows;  // empty where nothing asks for them
  };
  struct Waiting {
    RequestId id = 0;
    Tenant tenant;
    Frame frame;
    Asking asking;
    std::uint64_t shape = 0;
    Time since;
    bool ended = false;
    bool end_unknown = false;
    Time ended_at{};
  };
  // When the answers to chats ended, as far as they have.
  struct ChatTime {
    Time begun;
    std::optional<Time> ended;
  };
  [[nodiscard]] Frame frame_of(std::string_view text) const;
  [[nodiscard]] std::vector<Slot> candidates_in(std::string_view text, Tenant tenant,
                                                const Frame& frame) const;
  [[nodiscard]] WindowSet windows_of(std::string_view text) const;
  [[nodiscard]] WindowSet windows_of(std::string_view text, const std::vector<Slot>& candidates) const;
  [[nodiscard]] std::uint64_t shape_of(const EchoPrompt& prompt, std::string_view text, const Frame& frame,
                                       const std::vector<Slot>& quoted) const;
  [[nodiscard]] WindowHash whole_key(const Known& known) const;
  static bool right_before(const Waiting& waiting, Time chat);
  void look_back(std::span<const Known> said, const ChatOwner& owner, double threshold, Time now, Late& late);
  static QuoteEvidence judge(const Known& known, const Frame& frame, const Asking& asking, Time now);
  Known known_of(std::string_view text, bool surely, const ChatOwner& owner, Time now) const;
  void keep(const Known& known);
  void forget_old(Time now);
  void forget_first();
  void remake_filter();

  EchoOptions options_;
  TextHasher hasher_;
  std::deque<Known> known_;  // oldest first
  std::vector<Known> said_;  // of the chat that is being remembered: its memory serves the next one too
  Slot first_slot_ = 0;      // the slot of known_.front(); slots count up
  std::unordered_map<WindowHash, std::vector<Slot>> by_window_;
  std::unordered_map<WindowHash, Slot> by_whole_;  // of a message and its tenant
  WindowFilter filter_;                            // of the windows in by_window_, and of some forgotten ones
  std::size_t forgotten_ = 0;                      // since the filter was made
  std::deque<Waiting> waiting_;
  std::map<RequestId, ChatTime> chats_;  // ids count up, so the oldest come first
};

}  // namespace tasklane
