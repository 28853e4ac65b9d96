// The mind fed from packets: HTTP exchanges are classified as the agent would classify them, their answers
// read for times and figures, and what chats waited for is told. Nothing is sent, and no text is kept.
// Deterministic for one capture and one secret. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "shaper/classify/classifier.h"
#include "shaper/classify/pack.h"
#include "shaper/count/histogram.h"
#include "shaper/observe/answer_watch.h"
#include "shaper/observe/http_flows.h"
#include "shaper/observe/observed_request.h"
#include "shaper/observe/prefix_doctor.h"

namespace tasklane::observe {

struct ObserverOptions {
  std::vector<std::shared_ptr<const Pack>> packs;
  std::uint64_t secret_low = 1, secret_high = 2;  // of all hashes
  std::size_t keep = 100'000;  // requests, the newest; their prompts' hashes are most of it
};

// Of one class.
struct ClassPicture {
  std::uint64_t requests = 0, answered = 0, client_left = 0, failed = 0, gaps = 0, not_seen = 0;
  std::uint64_t in_flight = 0, most_at_once = 0;
  std::uint64_t bytes_up = 0, bytes_down = 0;
  std::uint64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;  // as the answers say
  std::uint64_t told_tokens = 0;                                             // of so many answers
  Histogram ttft, total;
};

// How long chats waited for a task of one class.
struct WaitPicture {
  std::uint64_t chats = 0;
  Duration together{};
  Duration longest{};
};

// What the prefix doctor found in all.
struct PrefixPicture {
  std::uint64_t turns = 0;    // later turns of chats
  std::uint64_t changed = 0;  // whose beginning was another than the turn's before
  std::uint64_t fell_out = 0;
  std::map<PartRole, std::uint64_t> first_changed;
  double could_reuse = 0, reused = 0;  // sums over turns of which the server tells what it reused
  std::uint64_t known = 0;
};

class Observer : public HttpListener {
 public:
  explicit Observer(ObserverOptions options);
  ~Observer() override;

  void on_request(HttpExchange& exchange) override;
  void on_answer_head(HttpExchange& exchange, const RequestHead& fields, Time now) override;
  void on_answer_body(HttpExchange& exchange, std::string_view bytes, Time now) override;
  void on_ended(HttpExchange& exchange, Ending how, Time now) override;

  // In the order in which they were sent; the last may be under way.
  [[nodiscard]] const std::deque<ObservedRequest>& requests() const { return requests_; }
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }
  // By the class that each request turned out to be of. A chat may have shown what an earlier one was.
  [[nodiscard]] std::map<RequestClass, ClassPicture> classes() const { return classes_; }
  [[nodiscard]] const std::map<RequestClass, WaitPicture>& waits() const { return waits_; }
  [[nodiscard]] Duration chats_waited() const { return chats_waited_; }
  [[nodiscard]] std::uint64_t chats_that_waited() const { return chats_that_waited_; }
  [[nodiscard]] const PrefixPicture& prefix() const { return prefix_; }
  [[nodiscard]] std::size_t in_flight() const { return open_.size(); }
  [[nodiscard]] std::size_t most_at_once() const { return most_at_once_; }
  // Told of each request that has ended.
  void when_done(std::function<void(const ObservedRequest&)> tell) { tell_ = std::move(tell); }

 private:
  struct Open {
    std::unique_ptr<AnswerWatch> watch;
    bool ends_told = false;
  };
  struct Work {  // of a task at a server
    RequestId id = 0;
    RequestClass request_class = RequestClass::other;
    Time begun;
    std::optional<Time> ended;
  };

  ObservedRequest* find(RequestId id);
  void read_body(const HttpExchange& exchange, ObservedRequest& request);
  void read_typed(const BodyFacts& body, ObservedRequest& request);
  void unmask(const std::vector<Unmasked>& shown);
  void begin_counting(const ObservedRequest& request);
  void count(const ObservedRequest& request);
  void count_prefix(const ObservedRequest& request);
  void know_waits(ObservedRequest& chat);
  void forget_old();

  ObserverOptions options_;
  TextHasher hasher_;
  Classifier classifier_;
  BodyReader reader_;
  PrefixDoctor doctor_;
  std::deque<ObservedRequest> requests_;
  std::uint64_t forgotten_ = 0;
  std::unordered_map<RequestId, Open> open_;
  std::map<SocketName, std::deque<Work>> work_;  // recent tasks, by server
  std::map<RequestClass, ClassPicture> classes_;
  std::map<RequestClass, WaitPicture> waits_;
  PrefixPicture prefix_;
  Duration chats_waited_{};
  std::uint64_t chats_that_waited_ = 0;
  std::size_t most_at_once_ = 0;
  struct LastTyped {
    RequestId id = 0;
    std::uint64_t hash = 0;
    std::size_t bytes = 0;
  };
  std::deque<std::pair<Tenant, LastTyped>> typed_;
  std::function<void(const ObservedRequest&)> tell_;
};

}  // namespace tasklane::observe
