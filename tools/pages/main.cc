// pages: writes the manual pages and shell completions of tasklane and tasklaned, from what the programs
// themselves can be told. Run by the build alone.
#include <filesystem>
#include <fstream>

#include "tools/pages/words.h"
#include "tools/support/program.h"
#include "tools/tasklane/verbs.h"
#include "userspace/agent/arguments.h"

namespace tasklane::pages {
namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (!(out << text).flush()) throw std::runtime_error("cannot write " + file.string());
}

void write_all(const std::filesystem::path& folder, const Program& program, int section,
               const std::string& date, const std::string& see) {
  write(folder / (program.name + "." + std::to_string(section)), manual(program, section, date, see));
  write(folder / (program.name + ".bash"), bash_completion(program));
  write(folder / ("_" + program.name), zsh_completion(program));
  write(folder / (program.name + ".fish"), fish_completion(program));
}

}  // namespace
}  // namespace tasklane::pages

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"Writes manual pages and shell completions", "pages"};
  std::filesystem::path folder;
  std::string date;
  app.add_option("folder", folder, "Where to write them")->required();
  app.add_option("--date", date, "Of the manual pages, as 2026-11-26")->required();
  if (const auto code = tools::ends_at_arguments(app, argc, argv)) return *code;
  return tools::run_program(app.get_name(), [&] {
    CLI::App tool;
    CLI::App agent;
    std::string control;
    ExitCode exit = ExitCode::done;
    AgentArguments arguments;
    add_verbs(tool, control, exit);
    add_arguments(agent, arguments);
    std::filesystem::create_directories(folder);
    pages::write_all(folder, pages::program_of(tool), 1, date, "tasklaned(8), tasklane-rules(5)");
    pages::write_all(folder, pages::program_of(agent), 8, date, "tasklane(1), tasklane-rules(5)");
    return ExitCode::done;
  });
}
