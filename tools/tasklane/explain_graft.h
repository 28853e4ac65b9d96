// Of a stream of requests: which tasks would be asked as the next message of the chat that they quote, and
// why others would not.
#pragma once

#include <optional>
#include <string>

#include "shaper/decide/treatment.h"
#include "shaper/task/kept_chats.h"
#include "tools/tasklane/traffic.h"

namespace tasklane {

class GraftTeller {
 public:
  // In words, of a task that waits in a lane; empty: of anything else. `wanted`: by its upstream. The stream
  // has no answers, so a chat is taken to have been answered with what the task quotes of it.
  std::string tell(const SeenRequest& seen, const Treatment& treatment, bool wanted);

 private:
  std::string tell_task(const SeenRequest& seen, bool wanted) const;

  std::optional<KeptChat> last_;
  KeptChats seen_;
  std::string last_id_;  // of its line
  RequestId count_ = 0;
};

}  // namespace tasklane
