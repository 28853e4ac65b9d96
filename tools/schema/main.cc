// schema: writes the JSON schemas of the configuration, with what the program's tables know. Run by the build
// alone.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/schema/tables.h"
#include "tools/support/program.h"

int main(int argc, char** argv) {
  using namespace tasklane;
  CLI::App app{"Writes a JSON schema of the configuration with the program's tables in it", "schema"};
  std::filesystem::path from;
  std::filesystem::path to;
  app.add_option("from", from, "The schema that names tables")->required();
  app.add_option("to", to, "Where to write it")->required();
  if (const auto code = tools::ends_at_arguments(app, argc, argv)) return *code;
  return tools::run_program(app.get_name(), [&] {
    std::ifstream in(from);
    OrderedJson document = OrderedJson::parse(in);
    const Result<void> added = schema::add_tables(document);
    if (!added) throw std::runtime_error(from.string() + ": " + added.error().text());
    std::ofstream out(to, std::ios::trunc);
    if (!(out << document.dump(2) << '\n').flush()) throw std::runtime_error("cannot write " + to.string());
    return ExitCode::done;
  });
}
