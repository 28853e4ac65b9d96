// What is seen of the machine: proc(5), the rules, the agent's own figures, and whether upstreams answer.
#include <arpa/inet.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "shaper/classify/pack.h"
#include "tools/support/control_client.h"
#include "tools/tasklane/config_remarks.h"
#include "tools/tasklane/doctor_parts.h"
#include "userspace/steer/bpf_support.h"
#include "userspace/steer/container_engine.h"
#include "userspace/steer/namespace_finder.h"
#include "userspace/steer/privilege.h"
#include "userspace/steer/unique_fd.h"

namespace tasklane::doctor {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::string text_of(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

std::string line_of(const fs::path& file) {
  std::string text = text_of(file);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
  return text;
}

// What a command prints; empty where it is not there.
std::string output_of(const char* command) {
  const auto close = [](FILE* pipe) { ::pclose(pipe); };
  const std::unique_ptr<FILE, decltype(close)> pipe(::popen(command, "r"), close);
  std::string text;
  std::array<char, 4096> part{};
  while (pipe)
    if (const std::size_t length = std::fread(part.data(), 1, part.size(), pipe.get()); length > 0)
      text.append(part.data(), length);
    else
      break;
  return text;
}

std::string link_of(const fs::path& link) {
  std::error_code ignored;
  return fs::read_symlink(link, ignored).string();
}

void look_at_kernel(Seen& seen) {
  utsname name{};
  if (::uname(&name) == 0) seen.kernel = name.release;
  if (seen.root) {
    const std::optional<bool> told = kernel_has_sk_lookup();
    seen.bpf_permitted = told.has_value();
    seen.sk_lookup = told.value_or(true);
    seen.steering_programs = steering_programs_here();
  }
  for (const char* setting : {"net/core/somaxconn", "fs/nr_open", "vm/overcommit_memory",
                              "net/ipv4/ip_local_port_range", "net/ipv4/conf/all/route_localnet"})
    if (const std::string value = line_of(fs::path("/proc/sys") / setting); !value.empty())
      seen.settings[setting] = value;
  seen.clock_source = line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  seen.unix_time = std::time(nullptr);
  seen.service_manager = fs::exists("/run/systemd/system");
}

bool readable_by(const Account& account, const fs::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return true;
  if ((found.st_mode & S_IROTH) != 0) return true;
  if (found.st_uid == account.user) return (found.st_mode & S_IRUSR) != 0;
  return found.st_gid == account.group && (found.st_mode & S_IRGRP) != 0;
}

void look_at_rules(Seen& seen, const std::optional<std::string>& config) {
  seen.config_file = config.value_or(usual_config_file);
  Result<Config> loaded = config ? load_config(*config) : usual_config();
  if (loaded) {
    const auto packs = find_packs(
        loaded->packs, {fs::path(seen.config_file).parent_path() / "packs", "/etc/tasklane/packs"});
    if (!packs) loaded = packs.error();
  }
  if (!loaded) {
    seen.config_error = loaded.error().text();
    return;
  }
  seen.remarks = remarks_on(*loaded);
  seen.config = std::move(*loaded);
  const Result<Account> account = account_of(agent_user);
  seen.agent_user_exists = static_cast<bool>(account);
  if (account) seen.config_readable_by_agent = readable_by(*account, seen.config_file);
}

// Whether a process still has the socket, be it one that answers nothing: the kernel takes the connection for
// it, or has no room for one more (EAGAIN, connect(2)).
bool somebody_listens(const std::string& control) {
  boost::asio::io_context io;
  boost::asio::local::stream_protocol::socket socket(io);
  boost::system::error_code error;
  socket.open({}, error);
  if (!error) socket.non_blocking(true, error);
  if (!error) socket.connect(control, error);
  return !error || error == boost::asio::error::try_again;
}

void look_at_agent(Seen& seen, const std::string& control) {
  const Result<ControlReply> reply = ask_agent(control, "GET", "/stats", {}, std::chrono::seconds(2));
  std::error_code ignored;
  if (reply && reply->status == 200) {
    seen.stats = Json::parse(reply->body, nullptr, false);
    if (!are_figures(seen.stats)) seen.agent = AgentState::stranger;
  } else if (reply)
    seen.agent = AgentState::stranger;
  else if (reply.error().exit == ExitCode::not_permitted)
    seen.agent = AgentState::forbidden;
  else if (!fs::exists(control, ignored))
    seen.agent = AgentState::absent;
  else
    seen.agent = somebody_listens(control) ? AgentState::silent : AgentState::dead;
}

// "Max locked memory         65536                65536                bytes": the soft one.
void look_at_limits(Seen& seen, const fs::path& process) {
  std::istringstream lines(text_of(process / "limits"));
  for (std::string line; std::getline(lines, line);)
    for (const char* name : {"locked memory"})
      if (line.starts_with(std::string("Max ") + name))
        seen.helper_limits[name] =
            line.substr(26).starts_with("unlimited") ? ~0ull : std::strtoull(line.c_str() + 26, nullptr, 10);
}

std::map<std::string, std::string> environment_of(const fs::path& process) {
  std::map<std::string, std::string> found;
  std::istringstream words(text_of(process / "environ"));
  for (std::string word; std::getline(words, word, '\0');)
    if (word.starts_with("OLLAMA_"))
      if (const auto equals = word.find('='); equals != std::string::npos)
        found[word.substr(0, equals)] = word.substr(equals + 1);
  return found;
}

// The listeners of one network namespace, by a process that is in it.
struct Namespace {
  std::string addresses;  // as proc(5) has them
  std::vector<Listener> listeners;
  std::map<std::uint64_t, std::size_t> by_inode;
};

// "net:[4026531840]"
std::uint64_t number_of_namespace(const std::string& link) {
  const auto digits = link.find('[');
  return digits == std::string::npos ? 0 : std::strtoull(link.c_str() + digits + 1, nullptr, 10);
}

void look_at_process(Seen& seen, const fs::path& process, Namespace& where) {
  const std::string command = text_of(process / "cmdline");
  std::string program = line_of(process / "comm");
  // What Ollama starts for each model listens too, on a port of the moment.
  if (program == "ollama" && command.find(std::string("\0runner\0", 8)) != std::string::npos)
    program = "ollama runner";
  if (program == "docker-proxy")
    if (const std::optional<Published> passed_on = published_by_proxy(command))
      seen.published.push_back(*passed_on);
  if (program == "tasklane-helper") look_at_limits(seen, process);
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(process / "fd", ignored)) {
    const std::string target = link_of(file.path());
    if (!target.starts_with("socket:[")) continue;
    const auto listener = where.by_inode.find(std::strtoull(target.c_str() + 8, nullptr, 10));
    if (listener == where.by_inode.end()) continue;
    Listener& found = where.listeners[listener->second];
    found.program = program;
    found.process = std::atoi(process.filename().c_str());
    found.environment = environment_of(process);
  }
}

void look_at_processes(Seen& seen) {
  const std::string own = link_of("/proc/self/ns/net");
  std::map<std::string, Namespace> namespaces;
  std::error_code ignored;
  std::vector<fs::path> processes{"/proc/self"};
  for (const auto& each : fs::directory_iterator("/proc", ignored))
    if (std::isdigit(static_cast<unsigned char>(each.path().filename().c_str()[0])) != 0)
      processes.push_back(each.path());
  for (const fs::path& process : processes) {
    const std::string name = link_of(process / "ns/net");
    if (name.empty()) continue;
    const auto [where, first] = namespaces.try_emplace(name);
    if (first) where->second.addresses = text_of(process / "net/fib_trie");
    if (first)
      for (const char* table : {"net/tcp", "net/tcp6"}) {
        std::map<std::uint64_t, std::size_t> inodes;
        for (Listener& each : listeners_of(text_of(process / table), &inodes)) {
          each.here = name == own;
          each.netns = number_of_namespace(name);
          where->second.listeners.push_back(std::move(each));
        }
        const std::size_t before = where->second.listeners.size() - inodes.size();
        for (const auto& [inode, index] : inodes) where->second.by_inode[inode] = before + index;
      }
    look_at_process(seen, process, where->second);
  }
  for (const auto& [name, found] : namespaces) {
    seen.listeners.insert(seen.listeners.end(), found.listeners.begin(), found.listeners.end());
    for (Published& each : seen.published)
      if (!each.to_address.empty() && has_address(found.addresses, each.to_address))
        each.netns = number_of_namespace(name);
  }
}

// Whose containers the listeners are, by their engine's name for them.
void name_containers(Seen& seen) {
  const std::vector<fs::path> engines = usual_container_engines();
  std::map<std::string, std::string> names;
  for (Listener& each : seen.listeners) {
    const std::string id =
        each.process == 0 ? ""
                          : container_id_of(text_of("/proc/" + std::to_string(each.process) + "/cgroup"));
    if (id.empty()) continue;
    const auto [name, first] = names.try_emplace(id);
    if (first) name->second = name_of_container(engines, id);
    each.container = name->second;
  }
}

// Which namespace the rules mean now.
void find_steered_netns(Seen& seen) {
  if (!seen.config || !seen.config->netns) return;
  NamespaceFinder finder(*seen.config->netns);
  const auto found = finder.find(false);
  if (found && *found) seen.steered_netns = (*found)->id.inode;
  seen.engine_trouble = found ? finder.trouble() : found.error().text();
}

// One GET by HTTP/1.0, at most a few seconds.
Result<std::string> fetched(const Upstream& from, const std::string& path) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(from.host.c_str(), std::to_string(from.port).c_str(), &hints, &found);
      failed != 0)
    return Error{::gai_strerror(failed), "", ""};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const UniqueFd socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{2, 0};
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO})
    ::setsockopt(socket.get(), SOL_SOCKET, option, &patience, sizeof(patience));
  if (::connect(socket.get(), found->ai_addr, found->ai_addrlen) != 0)
    return Error{errno == EINPROGRESS ? "no answer within 2 s" : std::generic_category().message(errno), "",
                 ""};
  const std::string request = "GET " + path + " HTTP/1.0\r\nHost: " + from.authority + "\r\n\r\n";
  ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 4096> part{};
  for (ssize_t got = 0;
       answer.size() < (4u << 20) && (got = ::recv(socket.get(), part.data(), part.size(), 0)) > 0;)
    answer.append(part.data(), static_cast<std::size_t>(got));
  const auto body = answer.find("\r\n\r\n");
  if (body == std::string::npos) return Error{"it speaks no HTTP, or not within 2 s", "", ""};
  return Result<std::string>(boost::system::in_place_value, answer.substr(body + 4));
}

void look_at_upstreams(Seen& seen) {
  if (!seen.config) return;
  for (const auto& [name, upstream] : seen.config->upstreams) {
    if (upstream.original || (upstream.service && upstream.service->tls)) continue;  // no stranger is asked
    UpstreamSeen& found = seen.upstreams[name];
    const Result<std::string> tags = fetched(upstream, "/api/tags");
    if (!tags) {
      found.problem = tags.error().what;
      continue;
    }
    const Json list = Json::parse(*tags, nullptr, false);
    if (!list.is_object() || !list.contains("models") || !list["models"].is_array()) continue;
    for (const Json& model : list["models"])
      if (model.is_object()) found.models.push_back(model.value("name", ""));
  }
}

}  // namespace

// proc_net_tcp: "0: 0100007F:2CAA 00000000:0000 0A ... inode": addresses in host byte order by words, state
// 0A.
std::vector<Listener> listeners_of(std::string_view net_tcp, std::map<std::uint64_t, std::size_t>* by_inode) {
  std::vector<Listener> listeners;
  std::istringstream lines{std::string(net_tcp)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::array<std::string, 10> word;
    for (std::string& each : word) words >> each;
    const auto colon = word[1].find(':');
    if (word[3] != "0A" || colon == std::string::npos) continue;
    std::array<std::uint32_t, 4> address{};
    for (std::size_t at = 0; at * 8 < colon && at < 4; ++at)
      address[at] = static_cast<std::uint32_t>(std::strtoul(word[1].substr(at * 8, 8).c_str(), nullptr, 16));
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(colon == 8 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
    Listener found;
    found.address = text.data();
    found.port = static_cast<std::uint16_t>(std::strtoul(word[1].c_str() + colon + 1, nullptr, 16));
    if (by_inode != nullptr) (*by_inode)[std::strtoull(word[9].c_str(), nullptr, 10)] = listeners.size();
    listeners.push_back(std::move(found));
  }
  return listeners;
}

Seen look(const std::string& control, const std::optional<std::string>& config) {
  Seen seen;
  seen.root = ::geteuid() == 0;
  look_at_kernel(seen);
  look_at_rules(seen, config);
  look_at_agent(seen, control);
  if (seen.root)
    seen.published =
        translations_of(output_of("nft list ruleset 2>/dev/null; iptables-save -t nat 2>/dev/null"));
  look_at_processes(seen);
  name_containers(seen);
  find_steered_netns(seen);
  look_at_upstreams(seen);
  return seen;
}

}  // namespace tasklane::doctor
