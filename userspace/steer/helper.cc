#include "userspace/steer/helper.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>

#include "userspace/steer/helper_process.h"
#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

constexpr Duration patience_at_start = std::chrono::seconds(10);
constexpr Duration patience_with_a_file = std::chrono::seconds(1);
constexpr std::size_t longest_file = 16u << 20;

Result<std::optional<std::string>> all_of(int file) {
  std::string text;
  std::array<char, 16384> part{};
  for (ssize_t length = 0; (length = ::read(file, part.data(), part.size())) != 0;) {
    if (length < 0) return system_error("cannot read");
    text.append(part.data(), static_cast<std::size_t>(length));
    if (text.size() > longest_file) return system_error("cannot read", EFBIG);
  }
  return std::optional(std::move(text));
}

}  // namespace

Result<std::unique_ptr<Helper>> Helper::start(HelperDuties duties) {
  auto ends = Channel::pair();
  if (!ends) return ends.error();
  const pid_t process = ::fork();
  if (process < 0) return system_error("cannot start the helper process");
  if (process == 0) {
    ends->first = Channel();
    be_the_helper(std::move(ends->second), std::move(duties));
  }
  ends->second = Channel();
  std::unique_ptr<Helper> helper(new Helper(std::move(ends->first)));
  helper->watch(process);
  Begun nothing;
  if (const Result<void> ready = helper->await_ready(nothing); !ready) return ready.error();
  return helper;
}

Result<std::unique_ptr<Helper>> Helper::connect(const std::filesystem::path& socket, std::string_view wish,
                                                const SteeringListeners& listeners, Begun& begun) {
  Result<Channel> channel = Channel::connect(socket);
  if (!channel) return channel.error();
  std::unique_ptr<Helper> helper(new Helper(std::move(*channel)));
  bool sent = true;
  if (listeners.ipv4) sent = helper->channel_.send(message(HelperWord::listener, "4"), listeners.ipv4.get());
  if (listeners.ipv6)
    sent = sent && helper->channel_.send(message(HelperWord::listener, "6"), listeners.ipv6.get());
  if (!sent || !helper->channel_.send(message(HelperWord::begin, wish)))
    return Error{"the helper does not take what is said to it", socket.string(), ""};
  if (const Result<void> ready = helper->await_ready(begun); !ready) return ready.error();
  return helper;
}

Result<void> Helper::await_ready(Begun& begun) {
  const auto end = std::chrono::steady_clock::now() + patience_at_start;
  while (!gone() && std::chrono::steady_clock::now() < end) {
    auto heard = channel_.receive(end - std::chrono::steady_clock::now());
    if (!heard) continue;
    const auto word = static_cast<HelperWord>(heard->text.front());
    const std::string text = heard->text.substr(1);
    if (word == HelperWord::refused && text.size() > 1)
      return Error{text.substr(1), "", "", static_cast<ExitCode>(text.front() - '0')};
    if (word == HelperWord::memory) begun.memory = std::move(heard->descriptor);
    if (word == HelperWord::link) begun.link = std::move(heard->descriptor);
    if (word == HelperWord::view) take(std::move(*heard));
    if (word != HelperWord::ready) continue;
    pid_t process = 0;
    std::from_chars(text.data(), text.data() + text.size(), process);
    watch(process);
    return {};
  }
  return Error{"the helper process does not begin", "", "", ExitCode::found};
}

void Helper::watch(pid_t process) {
  process_ = process;
  alive_.reset(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
}

// By its number where a kernel's or container's rules forbid the other.
void Helper::end_process(int signal) const {
  if (alive_)
    ::syscall(SYS_pidfd_send_signal, alive_.get(), signal, nullptr, 0);
  else if (process_ > 0)
    ::kill(process_, signal);
}

// Where it does not hear that the agent has gone, it is ended; only so can it be waited for.
Helper::~Helper() {
  channel_ = Channel();
  constexpr int patience_ms = 100;
  pollfd ended{alive_.get(), POLLIN, 0};
  end_process(SIGCONT);
  if (process_ > 0 && ::poll(&ended, 1, patience_ms) == 0) end_process(SIGKILL);
  if (process_ > 0) ::waitpid(process_, nullptr, 0);  // one that was not started here is no child: no wait
}

void Helper::take(Channel::Message heard) {
  const auto word = static_cast<HelperWord>(heard.text.front());
  if (word != HelperWord::file) {
    asked_ = false;
    unanswered_ = 0;
  }
  if (word == HelperWord::view) heard_ = view_from_text(std::string_view(heard.text).substr(1));
  if (word == HelperWord::view || word == HelperWord::looked) trouble_.clear();
  if (word == HelperWord::trouble) trouble_ = heard.text.substr(1);
  hear_of_namespace(word, std::move(heard));
}

// Sockets that came before are of the namespace that was left.
void Helper::hear_of_namespace(HelperWord word, Channel::Message heard) {
  using Kind = NamespaceNews::Kind;
  const std::string text = heard.text.substr(1);
  const IpFamily family = text == "4" ? IpFamily::ipv4 : IpFamily::ipv6;
  if (word == HelperWord::listener)
    (family == IpFamily::ipv4 ? listeners_.ipv4 : listeners_.ipv6) = std::move(heard.descriptor);
  if (word == HelperWord::entered) news_.push_back({Kind::entered, text, std::move(listeners_), {}});
  if (word == HelperWord::attached) news_.push_back({Kind::attached, text, {}, std::move(heard.descriptor)});
  if (word == HelperWord::left) news_.push_back({Kind::left, text});
  if (word == HelperWord::left)
    for (Ready& each : ready_) each.sockets.clear();
  if (word == HelperWord::socket) {
    Ready& room = ready(family);
    if (room.asked > 0) --room.asked;
    if (heard.descriptor) room.sockets.push_back(std::move(heard.descriptor));
  }
}

void Helper::fill(IpFamily family) {
  Ready& room = ready(family);
  while (room.used && room.sockets.size() + room.asked < Ready::wanted &&
         channel_.send(message(HelperWord::make_socket, std::string(1, byte_of(family)))))
    ++room.asked;
}

Result<UniqueFd> Helper::make_socket(IpFamily family) {
  const auto end = std::chrono::steady_clock::now() + patience_with_a_file;
  Ready& room = ready(family);
  room.used = true;
  fill(family);
  while (room.sockets.empty() && room.asked > 0 && std::chrono::steady_clock::now() < end && !gone())
    if (auto heard = channel_.receive(end - std::chrono::steady_clock::now())) take(std::move(*heard));
  if (room.sockets.empty()) return Error{"the network namespace is gone", "", ""};
  UniqueFd made = std::move(room.sockets.front());
  room.sockets.pop_front();
  return made;
}

Result<void> Helper::hear(EndpointView& view) {
  while (auto heard = channel_.receive(Duration::zero())) take(std::move(*heard));
  if (asked_) ++unanswered_;
  if (heard_) view = *std::exchange(heard_, std::nullopt);
  if (gone()) return Error{"the helper process has ended", "", ""};
  if (!answers()) return Error{"the helper process does not answer", "", ""};
  if (!trouble_.empty()) return Error{trouble_, "", ""};
  return {};
}

// One that does not answer is ended: it may hold connections that the agent has closed.
void Helper::ask() {
  if (gone()) return;
  asked_ = true;
  if (unanswered_ > 2 * patience) end_process(SIGKILL);
  channel_.send(message(HelperWord::look));
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) fill(family);
}

void Helper::give_to_model(int accepted) const {
  if (answers()) channel_.send(message(HelperWord::give), accepted);
}

Result<std::optional<std::string>> Helper::read(const std::filesystem::path& file) {
  const auto end = std::chrono::steady_clock::now() + patience_with_a_file;
  bool sent = channel_.send(message(HelperWord::read, file.string()));
  while (sent && std::chrono::steady_clock::now() < end && !gone()) {
    auto heard = channel_.receive(end - std::chrono::steady_clock::now());
    if (!heard) continue;
    if (heard->text != message(HelperWord::file, file.string())) {
      take(std::move(*heard));
      continue;
    }
    if (heard->descriptor) return all_of(heard->descriptor.get());
    return std::optional<std::string>();
  }
  return Error{"the helper process does not answer", file.string(), ""};
}

void Helper::remove_control_socket() const { channel_.send(message(HelperWord::remove_control_socket)); }

}  // namespace tasklane
