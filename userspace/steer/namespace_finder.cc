#include "userspace/steer/namespace_finder.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <set>
#include <sstream>

#include "userspace/steer/container_engine.h"

namespace tasklane {
namespace {

namespace fs = std::filesystem;
constexpr auto between_searches = std::chrono::milliseconds(500);
constexpr std::size_t shortest_id = 12;  // what engines print of a container's id

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// All processes that are to be seen, in rising order: a container's first one comes before its others.
std::vector<pid_t> all_processes() {
  std::vector<pid_t> all;
  std::error_code ignored;
  for (const auto& each : fs::directory_iterator("/proc", ignored)) {
    const std::string name = each.path().filename();
    pid_t process = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (bad == std::errc() && end == name.data() + name.size()) all.push_back(process);
  }
  std::sort(all.begin(), all.end());
  return all;
}

fs::path folder_of(pid_t process) { return fs::path("/proc") / std::to_string(process); }

// proc_net_tcp: "0: 0100007F:2CAA 00000000:0000 0A ...": the port in hexadecimal digits; 0A: it listens.
bool listens(pid_t process, std::uint16_t port) {
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    std::istringstream lines(text_of(folder_of(process) / table));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::array<std::string, 4> word;
      for (std::string& each : word) words >> each;
      const auto colon = word[1].find(':');
      if (word[3] != "0A" || colon == std::string::npos) continue;
      if (std::strtoul(word[1].c_str() + colon + 1, nullptr, 16) == port) return true;
    }
  }
  return false;
}

bool is_one_of(std::string_view component, std::string_view container) {
  if (component == container) return true;
  for (const std::string_view ending : {".scope", ".service"})
    if (component.ends_with(ending)) component.remove_suffix(ending.size());
  const bool may_be_id = container.size() >= shortest_id;
  for (const std::string_view kind : {"", "docker-", "libpod-", "cri-containerd-", "crio-", "lxc.payload.",
                                      "machine-", "systemd-nspawn@"}) {
    if (!component.starts_with(kind)) continue;
    const std::string_view name = component.substr(kind.size());
    if (name == container || (may_be_id && name.starts_with(container))) return true;
  }
  return false;
}

}  // namespace

// What supervises a container from outside is no process of it: nspawn's own beside its payload.
bool is_cgroup_of(std::string_view cgroup, std::string_view container) {
  while (!cgroup.empty()) {
    const auto line_end = cgroup.find('\n');
    std::string_view line = cgroup.substr(0, line_end);
    cgroup.remove_prefix(line_end == std::string_view::npos ? cgroup.size() : line_end + 1);
    const auto path = line.find(":/");
    if (path == std::string_view::npos || line.ends_with("/supervisor")) continue;
    line.remove_prefix(path + 2);
    while (!line.empty()) {
      const auto end = line.find('/');
      if (is_one_of(line.substr(0, end), container)) return true;
      line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    }
  }
  return false;
}

NamespaceFinder::NamespaceFinder(NamespaceWish wish)
    : wish_(std::move(wish)), engines_(usual_container_engines()) {
  if (wish_.kind == NamespaceWish::Kind::process) hold(static_cast<pid_t>(std::atoi(wish_.text.c_str())));
  if (const Result<UniqueFd> own = open_own_network_namespace())
    if (const Result<NamespaceId> id = id_of_namespace(own->get())) own_ = *id;
}

Result<std::optional<FoundNamespace>> NamespaceFinder::find(bool serves) {
  Found found = std::optional<FoundNamespace>();
  switch (wish_.kind) {
    case NamespaceWish::Kind::container:
      found = find_container();
      break;
    case NamespaceWish::Kind::of_listener:
      found = find_of_listener(serves);
      break;
    case NamespaceWish::Kind::process:
      found = alive_ ? find_process() : find_named();
      break;
    default:
      found = find_named();
  }
  id_ = found && *found ? (*found)->id : NamespaceId{};
  return found;
}

// A name or path that is gone, or has become a plain file, is none at present.
NamespaceFinder::Found NamespaceFinder::find_named() {
  Result<UniqueFd> file = open_network_namespace(wish_.text);
  if (!file && file.error().exit == ExitCode::not_permitted) return file.error();
  if (!file) return std::optional<FoundNamespace>();
  const Result<NamespaceId> id = id_of_namespace(file->get());
  return std::optional(FoundNamespace{std::move(*file), id.value(), 0});
}

NamespaceFinder::Found NamespaceFinder::find_process() {
  return lives() ? of_process(process_) : std::optional<FoundNamespace>();
}

// While its first process lives nothing has to be asked.
NamespaceFinder::Found NamespaceFinder::find_container() {
  if (lives()) return of_process(process_);
  if (!may_search()) return std::optional<FoundNamespace>();
  std::optional<Error> trouble;
  std::optional<pid_t> process;
  for (const fs::path& engine : engines_) {
    std::error_code ignored;
    if (process || !fs::exists(engine, ignored)) continue;
    const Result<std::optional<pid_t>> told = ask_container_engine(engine, wish_.name);
    if (told)
      process = *told;
    else
      trouble = told.error();
  }
  if (!process)
    for (const pid_t each : all_processes())
      if (!process && is_cgroup_of(text_of(folder_of(each) / "cgroup"), wish_.name)) process = each;
  // An engine that is still starting, or gone with its containers, is asked again.
  if (!process && trouble && trouble->exit == ExitCode::not_permitted) return *trouble;
  trouble_ = !process && trouble ? trouble->text() : std::string();
  if (!process) return std::optional<FoundNamespace>();
  hold(*process);
  return lives() ? of_process(*process) : std::optional<FoundNamespace>();
}

// A published port has a listener on the host too (docker-proxy): this process's own namespace comes last.
// The one that was found stays it until another has the listener, or nobody is in it any more.
NamespaceFinder::Found NamespaceFinder::find_of_listener(bool serves) {
  if (lives() && (serves || !may_search())) return of_process(process_);
  if (process_ == 0 && !may_search()) return std::optional<FoundNamespace>();
  enum class Rank { nobody, found_last, own, other, found_last_and_serving };
  Rank best = Rank::nobody;
  std::optional<FoundNamespace> chosen;
  std::set<NamespaceId> seen;
  for (const pid_t each : all_processes()) {
    Found found = of_process(each);
    if (!found || !*found || !seen.insert((*found)->id).second) continue;
    const bool last = (*found)->id == id_;
    Rank rank = last ? Rank::found_last : Rank::nobody;
    if (listens(each, wish_.port))
      rank = last ? Rank::found_last_and_serving : (*found)->id == own_ ? Rank::own : Rank::other;
    if (rank <= best) continue;
    best = rank;
    chosen = std::move(*found);
  }
  if (chosen)
    hold(chosen->process);
  else
    let_go();
  return chosen;
}

NamespaceFinder::Found NamespaceFinder::of_process(pid_t process) const {
  Result<UniqueFd> file = open_namespace_of(process);
  if (!file && file.error().exit == ExitCode::not_permitted) return file.error();
  if (!file) return std::optional<FoundNamespace>();
  const Result<NamespaceId> id = id_of_namespace(file->get());
  if (!id) return std::optional<FoundNamespace>();
  return std::optional(FoundNamespace{std::move(*file), *id, process});
}

bool NamespaceFinder::lives() const {
  pollfd ended{alive_.get(), POLLIN, 0};
  return alive_ && ::poll(&ended, 1, 0) == 0;
}

void NamespaceFinder::hold(pid_t process) {
  alive_.reset(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  process_ = alive_ ? process : 0;
}

void NamespaceFinder::let_go() {
  alive_.reset();
  process_ = 0;
}

bool NamespaceFinder::may_search() {
  const auto now = std::chrono::steady_clock::now();
  if (now - searched_ < between_searches) return false;
  searched_ = now;
  return true;
}

}  // namespace tasklane
