#include "userspace/control/unix_listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "userspace/steer/privilege.h"
#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

constexpr int backlog = 16;
constexpr const char* another_path = "give another path with --control";

// The process's file mode mask, for one scope.
class ModeMask {
 public:
  explicit ModeMask(mode_t mask) : before_(::umask(mask)) {}
  ~ModeMask() { ::umask(before_); }
  ModeMask(const ModeMask&) = delete;
  ModeMask& operator=(const ModeMask&) = delete;

 private:
  mode_t before_;
};

Error failed(const std::string& tried, const std::string& path, int code = errno) {
  Error error = system_error(tried, code);
  error.where = path;
  error.hint = another_path;
  return error;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

Result<void> make_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) return {};
  const ModeMask mask(022);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return failed("cannot make the control socket's folder", path, error.value());
  return {};
}

// 0: somebody accepts, or has too many waiting to accept more (a stopped agent is not a dead one).
int try_to_connect(const std::string& path) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(path);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return 0;
  return errno == EAGAIN ? 0 : errno;
}

// The kernel says 'connection refused' for a file that is no socket, too: such a file is never removed.
Result<void> remove_what_a_dead_agent_left(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return failed("cannot look at the control socket", path);
  }
  if (!S_ISSOCK(found.st_mode))
    return Error{"this file is there already and is no socket", path, another_path};
  const int refused = try_to_connect(path);
  if (refused == 0)
    return Error{"another tasklaned answers on this control socket", path,
                 "stop it, or give this one another with --control PATH"};
  if (refused != ECONNREFUSED) return failed("cannot tell whether an agent answers here", path, refused);
  if (::unlink(path.c_str()) != 0) return failed("cannot remove the control socket of a dead agent", path);
  return {};
}

}  // namespace

Result<UniqueFd> listen_on_path(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return Error{"the control socket's path is empty or longer than 107 characters", path, another_path};
  if (const Result<void> made = make_folder_of(path); !made) return made.error();
  if (const Result<void> free = remove_what_a_dead_agent_left(path); !free) return free.error();
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(path);
  const ModeMask mask(0117);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(fd.get(), backlog) != 0)
    return failed("cannot open the control socket", path);
  // Whoever is not permitted to give it away has that group already, or serves those alone who may do all.
  if (const auto group = group_called(agent_user)) [[maybe_unused]]
    const int given = ::chown(path.c_str(), static_cast<uid_t>(-1), *group);
  return fd;
}

}  // namespace tasklane
