// When the last chat's prompt of a server is asked again, and what is learnt from that. Whoever asks keeps
// the prompt itself.
#pragma once

#include "shaper/admit/admission.h"
#include "shaper/dialect/figures.h"
#include "shaper/server/book.h"
#include "shaper/task/kept_chats.h"

namespace tasklane {

class Rewarming {
 public:
  Rewarming(Book& book, Admission& admission) : book_(book), admission_(admission) {}

  // Whether the server computes here, as far as its answer shows: what somebody sells by the token comes
  // without the time that its prompt took.
  [[nodiscard]] static bool tells_its_time(const UpstreamFigures& figures) {
    return figures.prompt_time.has_value();
  }

  // A chat was answered, and has not left its lane yet; `wanted` by the configuration. Whether its prompt may
  // be asked for until KeptChats::oldest from now.
  bool chat_answered(const ServerKey& server, RequestId id, const Conversation& chat,
                     const UpstreamFigures& figures, bool wanted, Time now);
  // A re-warm is asked now, of whatever prompt.
  void begun(const ServerKey& server) { book_.rewarm(server).last_took = {}; }
  // The last chat's was answered with its first token behind so long.
  void answered(const ServerKey& server, const KeptChat& chat, const UpstreamFigures& figures, Duration took);

 private:
  [[nodiscard]] bool pays(const ServerKey& server, RewarmSeen& seen, RewarmOf what) const;

  Book& book_;
  Admission& admission_;
};

}  // namespace tasklane
