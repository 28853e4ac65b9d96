// A model server in virtual time: queue, slots, prefill and decode in steps, prompt cache, loading of models.
// A discrete event simulation without sockets or a clock: the same calls at the same times give the same
// answers. It follows what was measured of Ollama and llama-server: a step takes one token of each decoding
// slot and up to `batch` prompt tokens of the others, and whoever leaves, comes or waits for a token waits
// for the running step's end.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/time.h"
#include "tools/modelsim/prompt_cache.h"

namespace tasklane::sim {

enum class Flavour { ollama, llama };

// What a server makes of the "priority" of a request in OpenAI's dialects, as vLLM does: it is not looked
// at, any but 0 is refused (no --scheduling-policy priority), or lower ones are launched earlier.
enum class Priorities { ignored, refused, heeded };

struct EngineOptions {
  Flavour flavour = Flavour::ollama;
  unsigned slots = 1;
  double prefill_rate = 300;  // tokens a second
  double decode_rate = 20;
  unsigned batch = 512;               // tokens of a prefill step
  std::size_t host_cache = 2u << 20;  // tokens; 0: none
  double restore_rate = 25000;        // tokens a second, from the host cache into a slot
  Duration load_time = std::chrono::milliseconds(1400);
  unsigned max_loaded = 1;      // models in memory at once (Ollama)
  unsigned max_queue = 512;     // requests that wait for a load (Ollama: 503 beyond)
  bool loaded_at_start = true;  // the first model needs no load
  Priorities priorities = Priorities::ignored;
};

struct Work {
  std::string model;
  std::string load_options;  // what makes a server load the model anew when it differs
  Tokens prompt;
  std::vector<std::string> answer;  // the text, token by token
  Tokens quoted{};                  // the same in a prompt that quotes it; empty: those of its text
  std::size_t most_tokens = 0;      // 0: no limit
  bool stream = true;
  int priority = 0;  // what waits is launched by it, lower ones first, and else in the order of arrival
};

struct Usage {
  std::size_t new_tokens = 0;  // prompt tokens computed
  std::size_t cached_tokens = 0;
  std::size_t generated = 0;
  Duration prefill{};
  Duration decode{};
  Duration load{};
  bool cut = false;  // ended by the limit
};

enum class EventKind { launched, token, done, refused };

struct Event {
  std::uint64_t id = 0;
  EventKind kind = EventKind::token;
  Time at{};
  std::string text;  // token
  Usage usage;       // done
};

enum class Fate { waiting, running, done, cancelled_queued, cancelled_prefill, cancelled_decode, refused };
const char* to_text(Fate fate);

// What became of a request, for the log.
struct Record {
  std::uint64_t id = 0;
  Fate fate = Fate::waiting;
  Time received{};
  std::optional<Time> launched, first_token, ended, close_noticed;
  Usage usage;
  int slot = -1;
};

struct SlotView {
  unsigned id = 0;
  bool processing = false;
  std::uint64_t request = 0;
  std::size_t prompt_done = 0;
  std::size_t generated = 0;
};

class Engine {
 public:
  explicit Engine(EngineOptions options);

  std::uint64_t submit(Work work, Time now);
  // The client has gone, wholly or by half.
  void close(std::uint64_t id, Time now);
  // When advance() has something to do next.
  [[nodiscard]] std::optional<Time> next_event() const;
  // Everything that happens up to `now`, in order.
  std::vector<Event> advance(Time now);

  [[nodiscard]] const std::map<std::uint64_t, Record>& records() const { return records_; }
  void forget_records();
  [[nodiscard]] std::vector<SlotView> slots() const;
  [[nodiscard]] std::vector<std::string> loaded_models() const;  // those that are still being loaded too
  [[nodiscard]] std::vector<std::string> ready_models() const;
  [[nodiscard]] bool loading() const;
  [[nodiscard]] std::uint64_t prompt_tokens_computed() const { return computed_; }
  [[nodiscard]] const EngineOptions& options() const { return options_; }

 private:
  struct Job {
    std::uint64_t id = 0;
    Work work;
    Time received{};
    std::optional<Time> closed;
  };
  struct Slot {
    std::optional<Job> job;
    Tokens cache;            // of the last prompt and answer, as a prompt that quotes it has them
    std::string said;        // of the answer
    std::size_t placed = 0;  // prompt tokens in the cache
    std::size_t generated = 0;
    Usage usage;
    Time launched{};
    Duration restore{};      // still to be paid before the first step
    std::uint64_t used = 0;  // for least recently used
  };
  struct Runner {
    std::string model;
    std::string load_options;
    std::optional<Time> ready;  // while loading
    std::vector<Slot> slots;
    HostCache host;
    std::deque<Job> queue;
    std::optional<Time> step_end;
    std::vector<std::size_t> step_prompt;  // prompt tokens of each slot in the running step
    Time step_begin{};
    std::uint64_t used = 0;
    [[nodiscard]] bool busy() const;
  };

  Runner make_runner(const std::string& model, const std::string& load_options,
                     std::optional<Time> ready) const;
  Runner* runner_for(const Work& work);
  void place(Job job, Time now);
  static void enqueue(std::deque<Job>& queue, Job job);
  void load_next(Time now);
  void launch_waiting(Runner& runner, Time now);
  void launch(Runner& runner, Job job, Time now);
  Slot* free_slot(Runner& runner, const Tokens& prompt);
  void begin_step(Runner& runner, Time now);
  void end_step(Runner& runner);
  void emit_token(Runner& runner, Slot& slot, Time at);
  static void say(Slot& slot, const std::string& text);
  void release(Runner& runner, Slot& slot, Fate fate, Time at);
  void notice_closed(Runner& runner, Time now);
  [[nodiscard]] std::optional<Time> notices_close_at(const Job& job) const;
  [[nodiscard]] std::optional<Time> next_of(const Runner& runner) const;
  void drop_queued(std::deque<Job>& queue, std::uint64_t id, Time now);
  [[nodiscard]] Duration step_time(const Runner& runner, std::size_t prompt_tokens,
                                   std::size_t decoders) const;

  EngineOptions options_;
  std::deque<Runner> runners_;
  std::deque<Job> waiting_for_load_;
  std::map<std::uint64_t, Record> records_;
  std::vector<Event> events_;
  std::uint64_t last_id_ = 0;
  std::uint64_t uses_ = 0;
  std::uint64_t computed_ = 0;
  Time last_result_{};
};

}  // namespace tasklane::sim
