// Who goes when. Every task asks here and waits for its turn; chats only tell that they have come and gone,
// and are never held. Driven by events and a given time: the agent, a replay and a simulation run the same
// code.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "shaper/admit/slots_used.h"
#include "shaper/admit/time_share.h"
#include "shaper/admit/token_bucket.h"
#include "shaper/admit/type_ahead.h"
#include "shaper/admit/unloaded_models.h"
#include "shaper/classify/classification.h"
#include "shaper/count/lane_counters.h"
#include "shaper/decide/lane_settings.h"
#include "shaper/dialect/canonical.h"

namespace tasklane {

// A request that asks to be let through.
struct Ticket {
  RequestId id = 0;
  RequestClass request_class = RequestClass::chat;
  Standing lane;
  LaneSettings settings;
  std::string upstream;  // whose slots it wants; one name for each server
  std::string compute;   // the upstream on the same machine whose chats it would slow; may be empty
  Tenant tenant;         // whose it is
  Typist typist;
  TypistEvidence typist_by = TypistEvidence::chat;
  Editor editor;         // keystroke: where it is typed; unknown: nothing of it is remembered
  Typist newcomer;       // a chat's first turn: the typist before there was a chat to be quoted
  Conversation chat;     // the chat that it is
  std::string model;     // that it asks for
  bool unloads = false;  // and that its server lets go of behind it
  std::optional<CanonicalKey> canonical;  // equal for requests that one answer serves; none: never shared
  std::uint64_t bucket = 0;               // whose tokens a rate limit takes
  bool rate_paid = false;                 // they were taken where it went first
  std::string typed;                      // autocomplete: the text so far; a chat: the text sent
  std::uint64_t prompt_tokens = 0;        // estimated, for the count of what was spared
};

// What is to be done with a waiting or running request.
struct Start {
  Start(RequestId which, std::string where) : id(which), upstream(std::move(where)) {}
  RequestId id;
  std::string upstream;
};
struct Cancel {  // close its upstream; it waits again and will be started anew, unseen by its client
  explicit Cancel(RequestId which) : id(which) {}
  RequestId id;
};
enum class AnswerKind { empty, type_ahead, reject };
struct AnswerNow {  // its upstream, if it runs, is closed
  explicit AnswerNow(RequestId which, AnswerKind how = AnswerKind::empty, std::string what = {})
      : id(which), kind(how), text(std::move(what)) {}
  RequestId id;
  AnswerKind kind;
  std::string text;  // type_ahead: the rest of the suggestion
};
struct Share {  // it gets the answer that `leader` gets
  Share(RequestId which, RequestId whose) : id(which), leader(whose) {}
  RequestId id;
  RequestId leader;
};
struct Rewarm {  // ask the last chat's prompt again; a task of Tasklane's own, with finished() and Cancel
  Rewarm(RequestId which, std::string where) : id(which), upstream(std::move(where)) {}
  RequestId id;
  std::string upstream;
};
using Action = std::variant<Start, Cancel, AnswerNow, Share, Rewarm>;
using Actions = std::vector<Action>;

// What a task that was started does to the last chat's prompt in the server's cache.
enum class OnPrompt {
  pushes_out,    // so it is taken of any, until told else
  goes_on,       // leaves it as it found it
  brought_back,  // it is there
};

// Requests that Tasklane makes itself count from here.
inline constexpr RequestId own_ids = RequestId{1} << 62U;

class Admission {
 public:
  // Slots of an upstream, and how many of them background work leaves to chats. Default: one slot.
  void use_slots(const std::string& upstream, unsigned slots, unsigned reserve = 0);
  [[nodiscard]] unsigned slots(const std::string& upstream) const;

  // A chat is started at once, always; what runs in its way, or in that of a task that a person waits for, is
  // cancelled.
  Actions arrive(Ticket ticket, Time now);
  // Its client left: nothing more is asked of it.
  Actions client_gone(RequestId id, Time now);
  // A started request has been answered, or failed for good.
  Actions finished(RequestId id, Time now);
  // Whether this running task, where its prompt is read in parts, is to rest before the next one: somebody
  // types, so a chat is on its way. Then rest() lets it wait again; it will be started anew.
  [[nodiscard]] bool rests(RequestId id, Time now) const;
  Actions rest(RequestId id, Time now);
  // This chat's prompt, the last one's, can be asked again on this upstream, until then.
  void can_rewarm(const std::string& upstream, const Conversation& chat, Time until);
  // The same, though no work came in between: the server may have let go of it meanwhile.
  void prewarm(const std::string& upstream, Time until);
  void on_chats_prompt(RequestId id, OnPrompt what);
  // A started task is sent now, in parts or whole.
  void sent(RequestId id, OnPrompt what);
  // Whether the last one of its kind is still in the slot that it was given, as far as is known.
  [[nodiscard]] bool last_is_in_slot(RequestId id) const;
  // A started suggestion was not asked; `why`: over_share or expired.
  void not_asked(RequestId id, std::uint64_t LaneCounters::*why);
  // Whether other work had pushed it out when this task was started.
  [[nodiscard]] bool found_prompt_lost(RequestId id) const;
  // Somebody has taken this model (empty: all) out of the server's memory: background work for it waits for
  // the next chat that has it loaded, no longer than its longest wait.
  void unloaded(const std::string& upstream, const std::string& model);
  [[nodiscard]] bool is_unloaded(const std::string& upstream, const std::string& model) const;
  void sliced(Lane lane) { ++counters_[lane].sliced; }
  // What was shown in an editor, to answer from while the typing goes along it.
  void suggested(Editor editor, const std::string& typed, const std::string& suggestion, Time now);
  // A request that never came here, for its answer was in the cache.
  void answered_from_cache(const Ticket& ticket);
  // Lets go of what is too old to be of use. About once a second.
  void forget(Time now) { type_ahead_.sweep(now); }
  // Bypassed: all that waits goes at once, whatever comes goes at once, and no re-warm is asked for; until
  // told to go on as before.
  Actions release(bool on, Time now);
  // What time alone brings. Nothing happens before next_wakeup().
  Actions tick(Time now);
  [[nodiscard]] std::optional<Time> next_wakeup(Time now) const;

  // Whether this chat, which runs there, came right behind a re-warm of its prompt.
  [[nodiscard]] bool behind_rewarm(const std::string& upstream, RequestId id) const;
  // Whether a chat runs in whose way this running task's work is.
  [[nodiscard]] bool chat_beside(RequestId id) const;

  [[nodiscard]] const std::map<Lane, LaneCounters>& counters() const { return counters_; }
  [[nodiscard]] const RewarmCounters& rewarm_counters() const { return rewarm_counters_; }
  [[nodiscard]] std::size_t held() const { return jobs_.size() + chats_.size(); }  // in memory, in any state
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t running() const;
  // What waits and runs now, by lane; only lanes in which something does.
  [[nodiscard]] std::map<Lane, LanePresence> present() const;
  [[nodiscard]] std::map<std::string, ServerRoom> servers() const;

 private:
  enum class State { waiting, running, following };
  struct Upstream;
  struct Job {
    Ticket ticket;
    Upstream* upstream = nullptr;  // whose slots it wants
    Upstream* beside = nullptr;    // on the same machine; null: none
    State state = State::waiting;
    Time arrived;
    Time not_before;  // settle, debounce, rate
    Time waits_since;
    Time started;
    bool begun = false;        // was started once
    bool behind_chat = false;  // a chat was spared its work
    bool found_lost = false;   // the last chat's prompt, when it was started
    unsigned preempted = 0;
    bool rewarm = false;   // Tasklane's own: gives way to chats
    bool overdue = false;  // let go past its longest wait: runs to its end
    RequestId leader = 0;
    bool client_gone = false;  // runs on for its followers
    std::vector<RequestId> followers;
  };
  struct Upstream {
    unsigned slots = 1;
    unsigned reserve = 0;
    bool has_chats = false;   // has had one
    unsigned foreground = 0;  // chats and blocking tasks that run
    std::optional<Time> foreground_end;
    std::optional<Time> typed;  // when somebody typed last: a chat is on its way
    TimeShare keystrokes;
    bool prompt_lost = false;  // other work came behind the last chat
    Time warm_until{};
    Conversation warm_chat;
    bool warm = false;         // its prompt was asked again, and nothing came behind
    bool asked_again = false;  // since the chat was answered
    RequestId warm_turn = 0;   // the chat that found it so
    SlotsUsed used;            // of the last chat's model
    std::string chat_model;
    UnloadedModels unloaded;
    bool changed = false;                                 // somebody may be able to start
    std::vector<RequestId> running;                       // background, keystrokes and re-warms
    std::map<RequestClass, unsigned> of_class;            // tasks that run, blocking ones too
    std::deque<RequestId> waiting;                        // in the order of arrival
    std::unordered_map<CanonicalKey, RequestId> leaders;  // whose answers may be shared
  };

  static void loaded(Upstream& upstream, std::string_view model);
  void arrive_chat(const Ticket& ticket, Time now, Actions& out);
  void arrive_task(Job job, Time now, Actions& out);
  bool answered_at_once(Job& job, Time now, Actions& out);
  bool follows(Job& job, Actions& out);
  void supersede(const Ticket& newer, Time now, Actions& out);
  void make_way(const Ticket& ticket, Time now, Actions& out);
  void yield_to(const Ticket& chat, const Upstream& upstream, Time now, Actions& out);
  void yield(Job& job, Time now, Actions& out);
  void answer(RequestId id, AnswerKind kind, Time now, Actions& out);
  void inherit(const std::vector<RequestId>& sharing, Actions& out);
  void unfollow(RequestId id, Time now, Actions& out);
  void expire(Time now, Actions& out);
  bool end_chat(RequestId id, std::uint64_t LaneCounters::*how, Time now, Actions& out);
  static void end_foreground(Upstream& upstream, Time now);
  void keep(Job job);
  Job take_out(RequestId id);
  Job remove(RequestId id, Time now);
  void spared(const Ticket& ticket);
  [[nodiscard]] std::optional<Time> deadline_of(const Job& job) const;

  // Turns: admission_turn.cc.
  void start_what_may(Time now, Actions& out);
  void start_what_may(Upstream& upstream, Time now, Actions& out);
  void start(Job& job, Time now, Actions& out);
  static void stop(const Job& job, Time now);
  static void wait_again(Job& job, Time now);
  static constexpr std::size_t overdue_rank = 1;
  // A re-warm that finds the prompt in its slot takes a tenth of this.
  static constexpr Duration short_rewarm = std::chrono::seconds(1);
  [[nodiscard]] static std::size_t rank(const Job& job, Time now);
  [[nodiscard]] bool may_start(const Job& job, Time now) const;
  [[nodiscard]] bool overdue_waits(const Upstream& upstream, Time now) const;
  [[nodiscard]] static bool may_be_forced(const Job& job, Time now);
  [[nodiscard]] static bool room_for(const Job& job);
  [[nodiscard]] static bool at_class_limit(const Job& job);
  [[nodiscard]] bool over_share(const Job& job, Time now) const;
  [[nodiscard]] static unsigned chats_beside(const Job& job);
  [[nodiscard]] static Time due_at(const Job& job);
  [[nodiscard]] static Time typed_until(const Job& job);
  [[nodiscard]] static Time overdue_at(const Job& job);
  [[nodiscard]] static Time forced_at(const Job& job);

  // The last chat's prompt: admission_rewarm.cc.
  // Whether this chat goes on from the one that a re-warm there is of.
  static bool rewarmed_for(const Ticket& ticket, const Upstream& upstream);
  [[nodiscard]] bool wants_rewarm(const Upstream& upstream, Time now) const;
  [[nodiscard]] static bool is_at_risk(const Upstream& upstream);
  [[nodiscard]] bool takes_chats_slot(const Job& job, Time now) const;
  static void used_by_chat(Upstream& upstream);
  void rewarm(const std::string& name, Upstream& upstream, Time now, Actions& out);
  void drop_rewarm(Upstream& upstream, Time now, Actions& out);
  [[nodiscard]] std::optional<RequestId> rewarm_on(const Upstream& upstream) const;
  [[nodiscard]] Time waits_for_rewarm_until(const Job& job, Time now) const;

  std::unordered_map<RequestId, Job> jobs_;           // tasks, and re-warms
  std::set<RequestId> keystrokes_;                    // of these
  std::set<RequestId> timed_;                         // those with a deadline
  std::unordered_map<RequestId, std::string> chats_;  // their upstreams
  std::map<std::string, Upstream> upstreams_;
  TokenBuckets buckets_;
  TypeAhead type_ahead_;
  std::map<Lane, LaneCounters> counters_;
  RewarmCounters rewarm_counters_;
  RequestId next_own_id_ = own_ids;
  bool released_ = false;
};

}  // namespace tasklane
