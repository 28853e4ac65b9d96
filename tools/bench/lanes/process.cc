#include "tools/bench/lanes/process.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <system_error>

namespace tasklane::bench {
namespace {

std::filesystem::path folder_of(pid_t process) { return "/proc/" + std::to_string(process); }

// Of /proc/PID/stat, counted behind the name, which may hold anything (proc(5): utime and stime).
double cpu_seconds(pid_t process) {
  std::string line;
  std::getline(std::ifstream(folder_of(process) / "stat"), line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t resident_bytes(pid_t process) {
  std::uint64_t whole = 0;
  std::uint64_t resident = 0;
  std::ifstream(folder_of(process) / "statm") >> whole >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What its descriptors stand for.
std::multiset<std::string> open_files(pid_t process) {
  std::multiset<std::string> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_of(process) / "fd", error))
    all.insert(std::filesystem::read_symlink(entry.path(), error).string());
  return all;
}

}  // namespace

Footprint footprint_of(pid_t process) {
  return {resident_bytes(process), open_files(process).size(), cpu_seconds(process)};
}

std::size_t connections_to(pid_t process, std::uint16_t port) {
  const std::multiset<std::string> files = open_files(process);
  std::array<char, 8> hexadecimal{};
  std::snprintf(hexadecimal.data(), hexadecimal.size(), ":%04X", port);
  std::ifstream table(folder_of(process) / "net" / "tcp");
  std::size_t count = 0;
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >>
        inode;
    const bool established = state == "01";
    if (established && remote.ends_with(hexadecimal.data()) && files.contains("socket:[" + inode + "]"))
      ++count;
  }
  return count;
}

}  // namespace tasklane::bench
