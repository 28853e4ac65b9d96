// The command line of `tasklane observe`.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "tools/observe/observe.h"

namespace tasklane {
namespace {

void use_ports(ObserveOptions& options, const std::vector<std::uint16_t>& ports) {
  options.ports.insert(ports.begin(), ports.end());
  std::string filter;
  for (const std::uint16_t port : options.ports)
    filter += (filter.empty() ? "port " : " or port ") + std::to_string(port);
  // Behind a VLAN tag a port stands elsewhere.
  if (!filter.empty())
    options.live.filter = "tcp and (" + filter + ") or (vlan and tcp and (" + filter + "))";
}

}  // namespace

void add_observe(CLI::App& app, ExitCode& exit) {
  struct Line {
    ObserveOptions options;
    std::vector<std::uint16_t> ports;
    std::string netns;
  };
  const auto line = std::make_shared<Line>();
  ObserveOptions& options = line->options;
  CLI::App* const verb = app.add_subcommand(
      "observe", "Shows what passes by, from packets, as the agent would see it; touches nothing");
  CLI::Option* const file =
      verb->add_option("-r,--read", options.file, "A pcap or pcapng file; - for standard input");
  verb->add_option("-i,--interface", options.live.device, "The network device to capture on")
      ->capture_default_str()
      ->excludes(file);
  verb->add_option(
          "--netns", line->netns,
          "Capture in a network namespace: a name, a path, a process id, container:NAME or of-listener:PORT")
      ->excludes(file);
  verb->add_option("--port", line->ports, "A server's port, again for more; without it: every one")
      ->delimiter(',');
  verb->add_option("--seconds", options.seconds, "Live: end after so long")
      ->check(CLI::PositiveNumber)
      ->excludes(file);
  verb->add_flag("--json", options.json, "One JSON object, at the end");
  CLI::Option* const write =
      verb->add_option("-w,--write", options.write, "Keep the packets in a pcapng file");
  verb->add_flag("--redact", options.redact,
                 "In it texts, credentials and addresses are replaced, so that it can be shared")
      ->needs(write);
  verb->add_option("--export", options.export_to,
                   "JSON lines of times, classes, sizes and hashes, without any text, for tasklane replay");
  verb->add_flag("--advise", options.advise,
                 "Proposes a rule file for this host (on standard output), and says why (on standard error)");
  verb->add_option("--packs", options.packs, "Names of rule packs")->delimiter(',')->capture_default_str();
  verb->add_option("--pack-dir", options.pack_directories, "Folders in which packs are looked for first");
  verb->callback([line, &exit] {
    if (!line->netns.empty()) line->options.live.netns = line->netns;
    use_ports(line->options, line->ports);
    exit = run_observe(line->options, std::cout, std::cerr);
  });
}

}  // namespace tasklane
