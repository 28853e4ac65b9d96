#include "userspace/steer/helper_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace tasklane {
namespace {

// As it travels: the same program at both ends.
struct Entry {
  SocketAddress address;
  std::uint32_t owner_or_device = 0;
  bool on_device = false;
};
static_assert(std::is_trivially_copyable_v<Entry>);

void append(std::string& text, const Entry& entry) {
  text.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
}

class HelperProcess {
 public:
  HelperProcess(Channel channel, HelperDuties duties)
      : channel_(std::move(channel)), duties_(std::move(duties)) {
    struct stat found {};
    if (duties_.control_socket && ::lstat(duties_.control_socket->c_str(), &found) == 0)
      socket_inode_ = found.st_ino;
  }

  bool prepare() const;
  void serve();

 private:
  void answer(Channel::Message message);
  void look();
  void read(const std::filesystem::path& file);
  void remove_control_socket() const;
  void say(HelperWord word, std::string_view text = {}, int descriptor = -1) const {
    channel_.send(static_cast<char>(word) + std::string(text), descriptor);
  }
  [[nodiscard]] bool may_read(const std::filesystem::path& file) const;
  void close_all_others() const;

  Channel channel_;
  HelperDuties duties_;
  ino_t socket_inode_ = 0;
};

// Above all the link of the steering program, which is to end with the agent, and the agent's listeners.
void HelperProcess::close_all_others() const {
  std::vector<int> kept{STDERR_FILENO, channel_.descriptor()};
  if (duties_.endpoints)
    for (const int each : duties_.endpoints->descriptors()) kept.push_back(each);
  std::sort(kept.begin(), kept.end());
  unsigned from = 0;
  for (const int each : kept) {
    const auto number = static_cast<unsigned>(each);
    if (number > from) ::close_range(from, number - 1, 0);
    from = number + 1;
  }
  ::close_range(from, ~0u, 0);
}

bool HelperProcess::prepare() const {
  ::prctl(PR_SET_NAME, "tasklane-helper", 0, 0, 0);
  for (const int each : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2}) ::signal(each, SIG_IGN);
  close_all_others();
  // CAP_DAC_OVERRIDE: an agent that root has started may have its rules where only root can read.
  std::vector<int> kept{CAP_BPF, CAP_CHOWN};
  if (may_change_user()) kept.push_back(CAP_DAC_OVERRIDE);
  return become(duties_.account, kept) && forbid_what_is_not_needed(true);
}

void HelperProcess::look() {
  if (!duties_.endpoints) return say(HelperWord::looked);
  const Result<bool> changed = duties_.endpoints->refresh();
  if (!changed) return say(HelperWord::trouble, changed.error().text());
  if (*changed) return say(HelperWord::view, view_as_text(duties_.endpoints->view()));
  say(HelperWord::looked);
}

bool HelperProcess::may_read(const std::filesystem::path& file) const {
  const auto is_one_of = [](const auto& list, const auto& path) {
    return std::find(list.begin(), list.end(), path) != list.end();
  };
  return is_one_of(duties_.files, file) ||
         (file.extension() == ".json" && is_one_of(duties_.folders, file.parent_path()));
}

void HelperProcess::read(const std::filesystem::path& file) {
  UniqueFd opened;
  if (may_read(file)) opened.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat found {};
  if (opened && (::fstat(opened.get(), &found) != 0 || !S_ISREG(found.st_mode))) opened.reset();
  say(HelperWord::file, file.string(), opened.get());
}

// Only the one that its agent has made: another agent may have taken its place.
void HelperProcess::remove_control_socket() const {
  struct stat found {};
  if (duties_.control_socket && ::lstat(duties_.control_socket->c_str(), &found) == 0 &&
      S_ISSOCK(found.st_mode) && found.st_ino == socket_inode_)
    ::unlink(duties_.control_socket->c_str());
}

void HelperProcess::answer(Channel::Message message) {
  switch (static_cast<HelperWord>(message.text.front())) {
    case HelperWord::look:
      return look();
    case HelperWord::give:
      if (duties_.endpoints && message.descriptor) duties_.endpoints->give_to_model(message.descriptor.get());
      return;
    case HelperWord::read:
      return read(message.text.substr(1));
    case HelperWord::remove_control_socket:
      return remove_control_socket();
    default:
      return;
  }
}

void HelperProcess::serve() {
  say(HelperWord::ready);
  while (!channel_.closed())
    if (auto message = channel_.receive(std::nullopt)) answer(std::move(*message));
  remove_control_socket();
}

}  // namespace

std::string view_as_text(const EndpointView& view) {
  std::string text;
  for (const auto& [address, owner] : view.listeners) append(text, {address, owner, false});
  for (const auto& [address, device] : view.on_devices) append(text, {address, device, true});
  return text;
}

std::optional<EndpointView> view_from_text(std::string_view text) {
  if (text.size() % sizeof(Entry) != 0) return std::nullopt;
  EndpointView view;
  for (; !text.empty(); text.remove_prefix(sizeof(Entry))) {
    Entry entry;
    std::memcpy(&entry, text.data(), sizeof(entry));
    if (entry.on_device)
      view.on_devices.insert({entry.address, entry.owner_or_device});
    else
      view.listeners.insert({entry.address, entry.owner_or_device});
  }
  return view;
}

void be_the_helper(Channel channel, HelperDuties duties) {
  HelperProcess process(std::move(channel), std::move(duties));
  const bool prepared = process.prepare();
  if (prepared) process.serve();
  ::_exit(prepared ? 0 : 1);
}

}  // namespace tasklane
