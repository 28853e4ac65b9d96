// Which models a server holds in memory, as it says itself: so that a task for another model never has one
// loaded in a chat's place. Pure; times are given. Not thread-safe.
//
// Where the shapes come from:
// - /api/ps: Ollama; "models", each with "name" and "size" (seen of 0.32.15; its docs/api.md, "List Running
//   Models").
// - /running: llama-swap; "running", each with "model" and "state", of which "ready" serves (its README and
//   proxy/proxymanager.go).
// - /models: llama-server; "data", each with "id"; as a router with "status": {"value": "loaded", "loading",
//   "unloaded" or "sleeping"} (tools/server/README.md, "GET /models"); with one model without status, and
//   that one answers to every name (seen). vLLM and SGLang say "owned_by" of what they serve.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/base/time.h"

namespace tasklane {

struct ResidentModels {
  std::map<std::string, std::uint64_t> loaded;  // full names, and the bytes that each takes; 0: not told
  bool all = false;                             // the server has no other models than those it holds
};

// What is asked, in this order, until a server knows it.
inline constexpr std::array<std::string_view, 3> residency_paths{"/api/ps", "/running", "/models"};

// Nothing: this is no such answer.
std::optional<ResidentModels> resident_models_in(std::string_view path, std::string_view body);

class Residency {
 public:
  // A model may be unloaded at any moment: what was said holds for a moment.
  static constexpr Duration fresh_for = std::chrono::seconds(2);
  // A server that says nothing of use is not asked for each task.
  static constexpr Duration unknown_for = std::chrono::seconds(15);
  static constexpr std::size_t most_models = 64;  // that one is seen beside others

  // Whether there is something newer to be learnt.
  [[nodiscard]] bool is_due(Time now) const { return now >= until_; }
  [[nodiscard]] std::string_view path() const { return residency_paths.at(path_); }
  // There are other paths that it may know.
  bool try_next_path();

  void told(ResidentModels models, Time now);
  void told_nothing(Time now);

  // Whether `model` answers without another's being unloaded for it: it is loaded, or was seen beside all
  // that are loaded now (none of them larger than then) and beside `chats`, the model that the client's chats
  // use. What is not known does not.
  [[nodiscard]] bool takes(const std::string& model, const std::string& chats, Time now) const;

 private:
  [[nodiscard]] bool fits(const std::string& model, const std::string& chats) const;

  std::optional<ResidentModels> last_;
  bool known_ = false;
  Time until_{};
  std::size_t path_ = 0;
  std::map<std::string, std::map<std::string, std::uint64_t>> seen_beside_;
};

}  // namespace tasklane
