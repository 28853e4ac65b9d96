// Servers that a tool starts, each a process of its own that ends with the tool whatever happens.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tasklane::tools {

class Child {
 public:
  // A copy of this process that does `work` and never returns from it.
  static Child running(const std::function<void()>& work);
  // Another program; what it says goes to the file.
  static Child program(const std::vector<std::string>& command, const std::filesystem::path& log);

  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  ~Child();

  [[nodiscard]] bool alive() const;
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace tasklane::tools
