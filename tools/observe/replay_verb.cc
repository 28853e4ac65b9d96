#include "tools/observe/replay_verb.h"

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>

#include "shaper/decide/config.h"
#include "tools/observe/replay_report.h"

namespace tasklane {
namespace {

Result<void> replay_all(const ReplayCommand& command, std::ostream& out) {
  auto config = command.rules.empty() ? default_config() : load_config(command.rules);
  if (!config) return config.error();
  auto trace = observe::load_trace(command.input, command.packs, command.ports);
  if (!trace) return trace.error();
  if (trace->requests.empty())
    return Error{"no request is in it", command.input, "`tasklane observe -r` shows what is"};
  const auto servers = observe::fit_servers(*trace, command.model);
  if (servers.empty())
    return Error{"no request with a prompt is in it", command.input, "`tasklane observe -r` shows what is"};
  const observe::ReplayResult before = observe::replay(*trace, {nullptr, servers, command.other_upstreams});
  const observe::ReplayResult after = observe::replay(*trace, {&*config, servers, command.other_upstreams});
  const std::string rules = command.rules.empty() ? "the one-model profile" : command.rules;
  const nlohmann::ordered_json report = observe::replay_json({*trace, rules, servers, before, after});
  if (!command.html.empty()) {
    std::ofstream file(command.html);
    file << observe::replay_page(report);
    file.flush();
    if (!file) return Error{"cannot be written", command.html, "is its folder there?"};
  }
  if (command.json)
    out << report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  else
    out << observe::replay_table(report);
  return {};
}

}  // namespace

ExitCode run_replay(const ReplayCommand& command, std::ostream& out, std::ostream& err) {
  const auto done = replay_all(command, out);
  if (done) return ExitCode::done;
  err << "tasklane replay: " << done.error().text() << "\n";
  return done.error().exit;
}

void add_replay(CLI::App& app, ExitCode& exit) {
  struct Line {
    ReplayCommand command;
    std::vector<std::uint16_t> ports;
    unsigned slots = 0, batch = 0;
    double prefill = 0, decode = 0;
    std::string cache;
  };
  const auto line = std::make_shared<Line>();
  ReplayCommand& command = line->command;
  CLI::App* const verb =
      app.add_subcommand("replay", "Says what would have happened with other rules, in virtual time");
  verb->add_option("capture", command.input, "A pcap or pcapng file, or what observe --export wrote")
      ->required();
  verb->add_option("--config", command.rules, "The rules; without them the one-model profile");
  verb->add_option("--slots", line->slots, "Of the servers; without it: as seen")->check(CLI::Range(1U, 64U));
  verb->add_option("--prefill", line->prefill, "Prompt tokens a second; without it: as seen")
      ->check(CLI::PositiveNumber);
  verb->add_option("--decode", line->decode, "Answer tokens a second; without it: as seen")
      ->check(CLI::PositiveNumber);
  verb->add_option("--batch", line->batch, "Prompt tokens that a server reads at once")
      ->check(CLI::Range(1U, 65536U));
  verb->add_option("--cache", line->cache, "Whether servers keep earlier prompts")
      ->check(CLI::IsMember({"yes", "no"}));
  verb->add_option("--other-upstreams", command.other_upstreams,
                   "How many times as fast upstreams are that the capture has not")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_option("--port", line->ports, "A server's port, again for more; without it: every one")
      ->delimiter(',');
  verb->add_option("--packs", command.packs, "Names of rule packs")->delimiter(',')->capture_default_str();
  verb->add_flag("--json", command.json, "One JSON object");
  verb->add_option("--html", command.html, "And a page in this file, that needs no network");
  verb->callback([line, &exit] {
    ReplayCommand& asked = line->command;
    asked.ports.insert(line->ports.begin(), line->ports.end());
    if (line->slots > 0) asked.model.slots = line->slots;
    if (line->batch > 0) asked.model.batch = line->batch;
    if (line->prefill > 0) asked.model.prefill = line->prefill;
    if (line->decode > 0) asked.model.decode = line->decode;
    if (!line->cache.empty()) asked.model.host_cache = line->cache == "yes";
    exit = run_replay(asked, std::cout, std::cerr);
  });
}

}  // namespace tasklane
