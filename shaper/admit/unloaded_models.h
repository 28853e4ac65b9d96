// Models that somebody has taken out of one server's memory, until a chat has them loaded again.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace tasklane {

// Names are compared without the tag that Ollama takes where none is given. Not thread-safe.
class UnloadedModels {
 public:
  void add(std::string_view model);  // empty: all that the server has
  [[nodiscard]] bool has(std::string_view model) const;
  // It is loaded again; whether it was one of them.
  bool take_out(std::string_view model);

 private:
  std::set<std::string, std::less<>> names_;
};

}  // namespace tasklane
