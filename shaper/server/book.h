// What is known of each model server, in one place: a page for each, and on it one for each of its models.
// Bounded: the pages that were not opened for longest go first, but for servers that the configuration names.
// Beside them a page for each upstream that configurations have named: whether it is up, and what it has
// cost. Takes the time as it is given; not thread-safe.
//
// A server's page may go whenever another is opened: keep the key, not the page. An upstream's stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shaper/base/time.h"
#include "shaper/dialect/dialect.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/load_options.h"
#include "shaper/server/constraints.h"
#include "shaper/server/cut_prompts.h"
#include "shaper/server/graft_worth.h"
#include "shaper/server/health.h"
#include "shaper/server/origins_seen.h"
#include "shaper/server/priority_seen.h"
#include "shaper/server/residency.h"
#include "shaper/server/rewarm_worth.h"
#include "shaper/server/server_key.h"
#include "shaper/server/slice_worth.h"
#include "shaper/server/spending.h"
#include "shaper/server/upstream_key.h"

namespace tasklane {

struct ModelPage {
  TakenConstraints constraints;
  std::optional<LoadOptions> chat_options;  // of the last chat
  // Figures differ by dialect: Ollama tells less in OpenAI's.
  std::map<Dialect, SliceWorth> slices;
  std::map<Dialect, GraftWorth> grafts;
};

// How many requests a server computes at once.
struct SlotsSeen {
  std::optional<unsigned> wanted;  // by the configuration
  unsigned reserve = 0;            // for chats
  bool named = false;              // by the configuration
  std::optional<unsigned> learnt;
  std::optional<Time> asked;  // when last

  [[nodiscard]] unsigned count() const { return wanted.value_or(learnt.value_or(1)); }
};

// What asking a chat's prompt again was seen to be worth.
struct RewarmSeen {
  RewarmWorth worth;
  RewarmOf next = RewarmOf::answer;
  Duration last_took{};
  bool refuses_answers = false;  // llama-server with some templates: no assistant message at the end
  Time last_used{};              // by a chat or for its sake
};

struct Present {};

// Of an upstream by itself, whatever server it is.
struct UpstreamPage {
  std::shared_ptr<Health> health = std::make_shared<Health>();
  Spending spending{};
  std::optional<DialectFamily> family{};  // in which it was seen to answer, where nobody says
  // Whoever holds a copy is a request that is there, from when it waits for its turn until it leaves.
  std::shared_ptr<const Present> present = std::make_shared<const Present>();

  [[nodiscard]] std::size_t in_flight() const { return static_cast<std::size_t>(present.use_count()) - 1; }
};

class Book {
 public:
  static constexpr std::size_t most_servers = 64;
  static constexpr std::size_t most_models = 256;  // on all servers

  // Opened where there was none.
  SlotsSeen& slots(const ServerKey& server) { return open(server).slots; }
  RewarmSeen& rewarm(const ServerKey& server) { return open(server).rewarm; }
  OriginsSeen& origins(const ServerKey& server) { return open(server).origins; }
  PrioritySeen& priority(const ServerKey& server) { return open(server).priority; }
  Residency& residency(const ServerKey& server) { return open(server).residency; }
  UpstreamPage& upstream(const UpstreamKey& key) { return upstreams_[key]; }
  CutPrompts& cut_prompts() { return cut_prompts_; }
  [[nodiscard]] const CutPrompts& cut_prompts() const { return cut_prompts_; }
  // Null: nothing is known of it. Opens no page.
  [[nodiscard]] const UpstreamPage* known(const UpstreamKey& key) const;
  ModelPage& model(const ModelKey& key);
  SliceWorth& slices(const ModelKey& key, Dialect dialect) { return model(key).slices[dialect]; }
  GraftWorth& grafts(const ModelKey& key, Dialect dialect) { return model(key).grafts[dialect]; }

  // The servers whose slots the configuration names or that have told them.
  [[nodiscard]] std::vector<ServerKey> with_slots() const;
  // What the configuration said of slots no longer holds.
  void forget_wanted_slots();
  // Whoever reads the configuration again may have changed a server too, or a key: constraints and slices are
  // learnt anew, and what was down is tried. What is still on its way to it says nothing of that.
  void configuration_read_again();

  [[nodiscard]] std::size_t servers() const { return pages_.size(); }
  [[nodiscard]] std::size_t models() const;

 private:
  struct Model {
    ModelPage page;
    std::uint64_t opened = 0;
  };
  struct Page {
    SlotsSeen slots;
    RewarmSeen rewarm;
    OriginsSeen origins;
    PrioritySeen priority;
    Residency residency;
    std::map<std::string, Model> models;
    std::uint64_t opened = 0;
  };
  Page& open(const ServerKey& server);
  void drop_a_server();
  void drop_a_model();

  std::map<ServerKey, Page> pages_;
  std::map<UpstreamKey, UpstreamPage> upstreams_;
  CutPrompts cut_prompts_;
  std::uint64_t openings_ = 0;
};

}  // namespace tasklane
