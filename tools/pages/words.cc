#include "tools/pages/words.h"

#include <sstream>

namespace tasklane::pages {
namespace {

// CLI11 writes the values of IsMember behind the type: "TEXT:{on,off}".
std::vector<std::string> choices_of(const std::string& type) {
  const auto begin = type.find(":{");
  if (begin == std::string::npos || type.back() != '}') return {};
  std::istringstream list(type.substr(begin + 2, type.size() - begin - 3));
  std::vector<std::string> choices;
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

Wants wants_of(const CLI::Option& option, const std::string& type) {
  if (option.get_items_expected_max() == 0) return Wants::nothing;
  if (type == "FILE" || type == "SOCKET") return Wants::file;
  return type == "FOLDER" ? Wants::folder : Wants::word;
}

Word word_of(const CLI::Option& option) {
  Word word;
  word.positional = option.get_positional();
  if (word.positional) word.names.push_back(option.get_name(true));
  for (const std::string& name : option.get_snames()) word.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) word.names.push_back("--" + name);
  const std::string type = option.get_type_name();
  word.required = option.get_required();
  word.wants = wants_of(option, type);
  if (word.wants != Wants::nothing) word.value = type.substr(0, type.find(':'));
  word.choices = choices_of(type);
  word.by_default = option.get_default_str();
  word.text = option.get_description();
  return word;
}

std::vector<Word> words_of(const CLI::App& app) {
  std::vector<Word> words;
  for (const CLI::Option* option : app.get_options()) words.push_back(word_of(*option));
  return words;
}

}  // namespace

std::string joined(const std::vector<std::string>& parts, const std::string& by) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : by) + part;
  return all;
}

Program program_of(const CLI::App& app) {
  Program program{app.get_name(), app.get_description(), app.get_footer(), words_of(app), {}};
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    program.verbs.push_back({verb->get_name(), verb->get_description(), words_of(*verb)});
  return program;
}

}  // namespace tasklane::pages
