#include "userspace/steer/helper.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "userspace/steer/helper_process.h"
#include "userspace/steer/system_error.h"

namespace tasklane {
namespace {

constexpr Duration patience_at_start = std::chrono::seconds(10);
constexpr Duration patience_with_a_file = std::chrono::seconds(1);
constexpr std::size_t longest_file = 16u << 20;

std::string message(HelperWord word, std::string_view text = {}) {
  return static_cast<char>(word) + std::string(text);
}

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
  std::unique_ptr<Helper> helper(new Helper(std::move(ends->first), process));
  const auto first = helper->channel_.receive(patience_at_start);
  if (!first || first->text != message(HelperWord::ready))
    return Error{"the helper process could not give up its privilege", "", "", ExitCode::not_permitted};
  return helper;
}

// Where it does not hear that the agent has gone, it is ended; only so can it be waited for.
Helper::~Helper() {
  channel_ = Channel();
  ::kill(process_, SIGCONT);
  for (int turn = 0; turn < 100; ++turn, ::usleep(1000))
    if (::waitpid(process_, nullptr, WNOHANG) != 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Helper::take(Channel::Message heard) {
  const auto word = static_cast<HelperWord>(heard.text.front());
  if (word != HelperWord::file) unanswered_ = 0;
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
  if (heard_) view = *std::exchange(heard_, std::nullopt);
  if (gone()) return Error{"the helper process has ended", "", ""};
  if (!answers()) return Error{"the helper process does not answer", "", ""};
  if (!trouble_.empty()) return Error{trouble_, "", ""};
  return {};
}

// One that does not answer is ended: it may hold connections that the agent has closed.
void Helper::ask() {
  if (gone()) return;
  ++unanswered_;
  if (unanswered_ > 2 * patience) ::kill(process_, SIGKILL);
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
