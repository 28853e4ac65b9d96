#include "tools/bench/observe/live.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tools/support/child.h"
#include "tools/support/own_network.h"
#include "tools/support/sockets.h"
#include "tools/support/temporary_folder.h"

namespace tasklane::bench {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;
using tools::Child;

constexpr unsigned streams = 20, chunks_a_second = 50;  // of each

// Answers each connection with a stream that does not end.
[[noreturn]] void serve(const tools::Listener& listener) {
  const std::string event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word \"}}]}\n\n";
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", event.size());
  const std::string chunk = size + event + "\r\n";
  std::vector<UniqueFd> clients;
  for (auto next = std::chrono::steady_clock::now();; next += 1000ms / chunks_a_second) {
    for (int socket = 0; (socket = ::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      tools::set_no_delay(socket);
      clients.emplace_back(socket);
      tools::send_all(
          socket, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    }
    for (const UniqueFd& client : clients) tools::send_all(client.get(), chunk);
    std::this_thread::sleep_until(next);
  }
}

[[noreturn]] void read_streams(std::uint16_t port) {
  const std::string body =
      R"({"model":"m","stream":true,"messages":[{"role":"user","content":"how are tides made"}]})";
  std::vector<UniqueFd> sockets;
  std::vector<pollfd> waiting;
  for (unsigned i = 0; i < streams; ++i) {
    sockets.push_back(tools::dial(port));
    tools::send_all(sockets.back().get(),
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: model\r\nContent-Type: application/json\r\n"
                    "Content-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body);
    waiting.push_back({sockets.back().get(), POLLIN, 0});
  }
  std::array<char, 4096> landing{};
  for (;;) {
    ::poll(waiting.data(), waiting.size(), -1);
    for (const pollfd& each : waiting)
      if ((each.revents & POLLIN) != 0 && ::read(each.fd, landing.data(), landing.size()) <= 0) std::_Exit(1);
  }
}

// Of a process that runs, in seconds: by the scheduler (sched-stats.rst of the kernel), for what runs for
// microseconds at a time falls between the ticks of /proc/PID/stat.
double cpu_of(pid_t pid) {
  double seconds = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    double nanoseconds = 0;
    std::ifstream(thread.path() / "schedstat") >> nanoseconds;
    seconds += nanoseconds / 1e9;
  }
  return seconds;
}

// That the loopback has carried.
double packets() {
  std::ifstream file("/proc/self/net/dev");
  for (std::string line; std::getline(file, line);)
    if (const auto at = line.find("lo:"); at != std::string::npos) {
      std::istringstream fields(line.substr(at + 3));
      double bytes = 0, packets = 0;
      fields >> bytes >> packets;
      return packets;
    }
  return 0;
}

// The share of a core that a watcher takes; null: it does not run here.
Json watched_by(const std::vector<std::string>& command, const tools::Listener& listener, unsigned seconds,
                const tools::TemporaryFolder& folder) {
  const Child watcher = Child::program(command, folder.file("watcher.log"));
  std::this_thread::sleep_for(1s);
  const Child server = Child::running([&] { serve(listener); });
  const Child client = Child::running([&] { read_streams(listener.port); });
  std::this_thread::sleep_for(1s);
  const double before = cpu_of(watcher.pid()), sent = packets();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  const double after = cpu_of(watcher.pid());
  if (!watcher.alive() || !server.alive() || !client.alive()) return nullptr;
  return {{"share_of_a_core", (after - before) / seconds},
          {"packets_a_second", (packets() - sent) / seconds}};
}

}  // namespace

Json live(unsigned seconds) {
  if (!tools::enter_own_network_namespace()) return nullptr;
  const tools::TemporaryFolder folder;
  const auto watched = [&](const std::vector<std::string>& command) {
    const tools::Listener listener = tools::listen_on_loopback();
    return watched_by(command, listener, seconds, folder);
  };
  const Json observe = watched({tools::beside_this_program("tasklane"), "observe", "-i", "lo"});
  const Json tcpdump = watched({"tcpdump", "-i", "lo", "-w", "/dev/null"});
  Json result{{"chunks_a_second", streams * chunks_a_second},
              {"seconds", seconds},
              {"observe", observe},
              {"tcpdump", tcpdump}};
  if (observe.is_object() && tcpdump.is_object())
    result["more_than_tcpdump"] =
        observe["share_of_a_core"].get<double>() - tcpdump["share_of_a_core"].get<double>();
  return result;
}

}  // namespace tasklane::bench
