// The last suggestion of each typist, kept in memory alone and for a short time: while the typing goes along
// it, the rest is known without a model.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "shaper/base/time.h"
#include "shaper/classify/classification.h"

namespace tasklane {

class TypeAhead {
 public:
  void remember(Editor editor, const std::string& typed, const std::string& suggestion, Time now);
  // 'How do I' was completed with ' cook rice': for 'How do I co' it is 'ok rice'. Nothing where the typist
  // went elsewhere, or has typed all of it.
  std::optional<std::string> rest(Editor editor, const std::string& typed, Time now);
  // Forgets what is too old to be gone along.
  void sweep(Time now);
  [[nodiscard]] std::size_t size() const { return last_.size(); }

 private:
  struct Suggestion {
    std::string typed;
    std::string text;
    Time at;
  };
  std::map<Editor, Suggestion> last_;
};

}  // namespace tasklane
