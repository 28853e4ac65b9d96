// man(7): what a manual page is written in.
#include "tools/pages/words.h"

namespace tasklane::pages {
namespace {

// A dash that can be copied into a shell, and nothing that troff would take for its own.
std::string plain(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\')
      escaped += "\\e";
    else if (c == '-')
      escaped += "\\-";
    else if (c == '\'')
      escaped += "\\(aq";
    else
      escaped += c;
  }
  return escaped.starts_with('.') ? "\\&" + escaped : escaped;
}

std::string sentence(const std::string& text) {
  const bool ended = text.ends_with('.') || text.ends_with('?');
  return plain(text) + (ended ? "\n" : ".\n");
}

std::string value_of(const Word& word) {
  return word.choices.empty() ? "\\fI" + plain(word.value) + "\\fR" : plain(joined(word.choices, "|"));
}

std::string entry(const Word& word) {
  std::string names;
  for (const std::string& name : word.names)
    names += (names.empty() ? "\\fB" : ", \\fB") + plain(name) + "\\fR";
  if (word.wants != Wants::nothing && !word.positional) names += " " + value_of(word);
  if (word.positional && !word.choices.empty()) names += " (" + plain(joined(word.choices, " or ")) + ")";
  std::string text = sentence(word.text);
  if (!word.by_default.empty()) text += "Default: " + plain(word.by_default) + ".\n";
  return ".TP\n" + names + "\n" + text;
}

std::string entries(const std::vector<Word>& words) {
  std::string all;
  for (const Word& word : words) all += entry(word);
  return all;
}

std::string in_synopsis(const std::vector<Word>& words) {
  std::string all = " [\\fIOPTION\\fR ...]";
  for (const Word& word : words) {
    if (!word.positional) continue;
    const std::string name = "\\fI" + plain(word.names.front()) + "\\fR";
    all += word.required ? " " + name : " [" + name + "]";
  }
  return all;
}

std::string synopsis(const Program& program) {
  std::string all = ".SH SYNOPSIS\n";
  if (program.verbs.empty()) return all + "\\fB" + program.name + "\\fR" + in_synopsis(program.words) + "\n";
  for (const Verb& verb : program.verbs)
    all += "\\fB" + program.name + " " + verb.name + "\\fR" + in_synopsis(verb.words) + "\n.br\n";
  return all;
}

}  // namespace

std::string manual(const Program& program, int section, const std::string& date, const std::string& see) {
  std::string upper = program.name;
  for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  std::string page =
      ".TH " + upper + " " + std::to_string(section) + " " + date + " \"Tasklane " TASKLANE_VERSION "\"\n";
  page += ".SH NAME\n" + program.name + " \\- " + plain(program.text) + "\n";
  page += synopsis(program);
  page += ".SH OPTIONS\n" + entries(program.words);
  if (!program.verbs.empty()) page += ".SH VERBS\n";
  for (const Verb& verb : program.verbs)
    page += ".SS " + verb.name + "\n" + sentence(verb.text) + entries(verb.words);
  page += ".SH NOTES\n";
  std::string footer = program.footer;
  for (std::size_t end = footer.find('\n'); end != std::string::npos; end = footer.find('\n')) {
    page += sentence(footer.substr(0, end)) + ".PP\n";
    footer.erase(0, end + 1);
  }
  page += sentence(footer);
  return page + ".SH SEE ALSO\n" + plain(see) + "\n";
}

}  // namespace tasklane::pages
