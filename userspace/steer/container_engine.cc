#include "userspace/steer/container_engine.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "userspace/steer/system_error.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane {
namespace {

constexpr auto patience = std::chrono::milliseconds(400);
constexpr std::size_t longest_answer = 4u << 20;

Result<UniqueFd> connected_to(const std::filesystem::path& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof(name.sun_path)) return system_error(path.string(), ENAMETOOLONG);
  std::memcpy(name.sun_path, path.c_str(), path.native().size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval bound{0, std::chrono::microseconds(patience).count()};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(socket.get(), SOL_SOCKET, option, &bound, sizeof(bound));
  if (!socket || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0)
    return system_error("cannot ask " + path.string());
  return socket;
}

Error not_understood(const std::string& what) { return {"the container engine's answer " + what, "", ""}; }

// By HTTP/1.0, so that an answer's end is the connection's and no coding of transfers is to be read.
Result<std::string> answer_about(const std::filesystem::path& socket, const std::string& container) {
  const auto end = std::chrono::steady_clock::now() + patience;
  auto engine = connected_to(socket);
  if (!engine) return engine.error();
  const std::string question = "GET /containers/" + container + "/json HTTP/1.0\r\nHost: engine\r\n\r\n";
  if (::send(engine->get(), question.data(), question.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(question.size()))
    return system_error("cannot ask " + socket.string());
  std::string answer;
  std::array<char, 16384> part{};
  ssize_t length = 0;
  while ((length = ::recv(engine->get(), part.data(), part.size(), 0)) > 0) {
    answer.append(part.data(), static_cast<std::size_t>(length));
    if (answer.size() > longest_answer) return not_understood("is too long");
    if (std::chrono::steady_clock::now() > end) return not_understood("did not come in time");
  }
  if (length < 0) return system_error("no answer from " + socket.string());
  return Result<std::string>(boost::system::in_place_value, std::move(answer));
}

// Docker's API, "Inspect a container": 200 and an object, or 404: null.
Result<nlohmann::json> object_in(std::string_view answer) {
  constexpr std::string_view version = "HTTP/1.";
  constexpr std::size_t status_at = version.size() + 2;
  const auto body = answer.find("\r\n\r\n");
  if (!answer.starts_with(version) || body == std::string_view::npos) return not_understood("is no HTTP");
  const std::string_view status = answer.substr(status_at, 3);
  nlohmann::json object;
  if (status != "404" && status != "200") return not_understood("has the status " + std::string(status));
  if (status == "200") {
    object = nlohmann::json::parse(answer.substr(body + 4), nullptr, false);
    if (!object.is_object()) return not_understood("is no object");
  }
  return Result<nlohmann::json>(boost::system::in_place_value, std::move(object));
}

}  // namespace

std::vector<std::filesystem::path> usual_container_engines() {
  std::vector<std::filesystem::path> sockets{"/run/docker.sock", "/run/podman/podman.sock"};
  constexpr std::string_view scheme = "unix://";
  const char* named = std::getenv("DOCKER_HOST");  // NOLINT: before any other thread
  if (named != nullptr && std::string_view(named).starts_with(scheme))
    sockets.insert(sockets.begin(), std::string(std::string_view(named).substr(scheme.size())));
  return sockets;
}

Result<std::optional<pid_t>> ask_container_engine(const std::filesystem::path& socket,
                                                  const std::string& container) {
  const Result<std::string> answer = answer_about(socket, container);
  if (!answer) return answer.error();
  return process_in_answer(*answer);
}

std::string name_of_container(const std::vector<std::filesystem::path>& engines, const std::string& id) {
  std::error_code ignored;
  for (const std::filesystem::path& engine : engines) {
    if (!std::filesystem::exists(engine, ignored)) continue;
    const Result<std::string> answer = answer_about(engine, id);
    if (!answer) continue;
    if (const Result<std::string> name = name_in_answer(*answer); name && !name->empty()) return *name;
  }
  return {};
}

// {"State": {"Running": true, "Pid": 1234, ...}, ...}
Result<std::optional<pid_t>> process_in_answer(std::string_view answer) {
  using None = std::optional<pid_t>;
  const Result<nlohmann::json> told = object_in(answer);
  if (!told) return told.error();
  const nlohmann::json& json = *told;
  if (json.is_null()) return None();
  if (!json.contains("State") || !json["State"].is_object()) return not_understood("tells of no state");
  const nlohmann::json& state = json["State"];
  if (!state.contains("Pid") || !state["Pid"].is_number_unsigned()) return not_understood("names no process");
  const auto process = state["Pid"].get<std::uint64_t>();
  if (process == 0) return None();
  if (process == 1 || process > std::numeric_limits<pid_t>::max())
    return not_understood("names a process that cannot be a container's");
  return None(static_cast<pid_t>(process));
}

// {"Name": "/ollama", ...}: Docker puts a slash before it, podman does not.
Result<std::string> name_in_answer(std::string_view answer) {
  const Result<nlohmann::json> told = object_in(answer);
  if (!told) return told.error();
  std::string name;
  if (const auto found = told->find("Name"); found != told->end() && found->is_string()) name = *found;
  if (name.starts_with('/')) name.erase(0, 1);
  return Result<std::string>(boost::system::in_place_value, std::move(name));
}

}  // namespace tasklane
