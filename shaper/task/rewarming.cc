#include "shaper/task/rewarming.h"

#include <optional>
#include <utility>

namespace tasklane {
namespace {

// A turn's own words take less.
constexpr Duration telling_rewarm = std::chrono::seconds(1);

// Whether a turn was spared what the re-warm before it took; none: the server does not tell, or that was less
// than the turn's own words may take.
std::optional<bool> in_cache(const UpstreamFigures& turn, Duration rewarm) {
  if (rewarm < telling_rewarm || !turn.prompt_time) return std::nullopt;
  if (turn.cached_tokens && turn.computed_tokens) return *turn.cached_tokens > *turn.computed_tokens;
  return *turn.prompt_time < rewarm * 3 / 4;
}

}  // namespace

bool Rewarming::pays(const ServerKey& server, RewarmSeen& seen, RewarmOf what) const {
  return seen.worth.pays(what, admission_.slots(server.name) > 1);
}

bool Rewarming::chat_answered(const ServerKey& server, RequestId id, const Conversation& chat,
                              const UpstreamFigures& figures, bool wanted, Time now) {
  RewarmSeen& seen = book_.rewarm(server);
  seen.last_used = now;
  if (admission_.behind_rewarm(server.name, id))
    if (const auto found = in_cache(figures, seen.last_took)) seen.worth.found(*found);
  if (!wanted || !tells_its_time(figures) || !pays(server, seen, RewarmOf::answer)) return false;
  seen.next = RewarmOf::answer;
  admission_.can_rewarm(server.name, chat, now + KeptChats::oldest);
  return true;
}

void Rewarming::answered(const ServerKey& server, const KeptChat& chat, const UpstreamFigures& figures,
                         Duration took) {
  const ModelKey model{server, chat.model};
  book_.grafts(model, chat.dialect)
      .asked_again(figures, chat.tokens, book_.slices(model, chat.dialect).rate());
  RewarmSeen& seen = book_.rewarm(server);
  seen.last_took = took;
  seen.worth.measured(std::exchange(seen.next, RewarmOf::lost_prompt), took);
  if (!pays(server, seen, RewarmOf::lost_prompt)) admission_.can_rewarm(server.name, chat.chat, {});
}

}  // namespace tasklane
