#include "tools/support/waiting.h"

#include <chrono>
#include <thread>

#include "tools/support/control_client.h"

namespace tasklane::tools {
namespace {

constexpr auto condition_patience = std::chrono::seconds(10);
constexpr auto look_again = std::chrono::milliseconds(20);

}  // namespace

bool comes_true(const Child& child, const std::function<bool()>& condition) {
  for (auto waited = std::chrono::milliseconds(0); waited < condition_patience; waited += look_again) {
    if (condition()) return true;
    if (!child.alive()) return false;
    std::this_thread::sleep_for(look_again);
  }
  return false;
}

nlohmann::json agent_stats(const std::string& control_socket) {
  const Result<ControlReply> reply = ask_agent(control_socket, "GET", "/stats");
  if (!reply || reply->status != 200) return nlohmann::json::object();
  const nlohmann::json stats = nlohmann::json::parse(reply->body, nullptr, false);
  return stats.is_object() ? stats : nlohmann::json::object();
}

bool steers(const std::string& control_socket) {
  const nlohmann::json stats = agent_stats(control_socket);
  return !stats.value("/steering/endpoints"_json_pointer, nlohmann::json::array()).empty();
}

}  // namespace tasklane::tools
