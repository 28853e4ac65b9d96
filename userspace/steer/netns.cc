#include "userspace/steer/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "userspace/steer/namespace_finder.h"
#include "userspace/steer/system_error.h"

namespace tasklane {

namespace {

constexpr const char* names_folder = "/run/netns";  // where iproute2 keeps them (ip-netns(8))

bool is_process_id(std::string_view which) {
  return std::all_of(which.begin(), which.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A namespace may have a name of digits alone: the name wins over the process.
std::string path_of(std::string_view which) {
  if (which.find('/') != std::string_view::npos) return std::string(which);
  std::string named = std::string(names_folder) + "/" + std::string(which);
  std::error_code ignored;
  if (is_process_id(which) && !std::filesystem::exists(named, ignored))
    return "/proc/" + std::string(which) + "/ns/net";
  return named;
}

std::string known_names() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(names_folder, none))
    names.push_back(entry.path().filename());
  if (names.empty()) return "no namespace has a name here; `ip netns add NAME` makes one";
  std::sort(names.begin(), names.end());
  std::string list = "there are:";
  for (const auto& name : names) list += " " + name;
  return list;
}

Error cannot_open(std::string_view which, const std::string& path, int code) {
  if (code == ENOENT || code == ENOTDIR)
    return {"no network namespace '" + std::string(which) + "' (" + path + ")", "--netns", known_names()};
  Error error =
      system_error("cannot open the network namespace '" + std::string(which) + "' (" + path + ")", code);
  error.where = "--netns";
  if (error.exit == ExitCode::not_permitted) error.hint = "run it as root";
  return error;
}

}  // namespace

Result<NamespaceId> id_of_namespace(int file) {
  struct statfs kind {};
  struct stat found {};
  // A name left over from a crash is an empty file, not a namespace.
  if (::fstatfs(file, &kind) != 0 || kind.f_type != NSFS_MAGIC || ::fstat(file, &found) != 0)
    return Error{"no namespace", "", ""};
  return NamespaceId{found.st_dev, found.st_ino};
}

Result<UniqueFd> open_namespace_of(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/ns/net";
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("cannot open " + path);
  return file;
}

Result<UniqueFd> open_network_namespace(std::string_view which) {
  Result<NamespaceWish> wish = parse_namespace_wish(which);
  if (!wish) {
    wish.error().where = "--netns";
    return wish.error();
  }
  if (wish->may_come_later()) {
    Result<std::optional<FoundNamespace>> found = NamespaceFinder(*wish).find(false);
    if (!found) return found.error();
    if (!*found) return Error{"no network namespace '" + wish->text + "'", "--netns", "start it"};
    return std::move((*found)->file);
  }
  const std::string path = path_of(which);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot_open(which, path, errno);
  if (!id_of_namespace(file.get()))
    return Error{"'" + path + "' is not a network namespace", "--netns", known_names()};
  return file;
}

Result<UniqueFd> open_own_network_namespace() {
  UniqueFd file(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("cannot open /proc/thread-self/ns/net");
  return file;
}

Result<void> enter_network_namespace(std::string_view which) {
  auto file = open_network_namespace(which);
  if (!file) return file.error();
  return enter_network_namespace(file->get(), which);
}

Result<void> enter_network_namespace(int file, std::string_view which) {
  if (::setns(file, CLONE_NEWNET) == 0) return {};
  const int code = errno;
  Error error = system_error("cannot enter the network namespace '" + std::string(which) + "'", code);
  error.where = "--netns";
  if (code == EINVAL) error.what = "'" + std::string(which) + "' is a namespace, but not of networks";
  if (code == EPERM) error.hint = "it needs CAP_SYS_ADMIN: run it as root";
  return error;
}

}  // namespace tasklane
