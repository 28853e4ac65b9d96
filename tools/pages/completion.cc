#include "tools/pages/words.h"

namespace tasklane::pages {
namespace {

// In single quotes of a shell.
std::string quoted(const std::string& text) {
  std::string escaped = "'";
  for (const char c : text) escaped += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return escaped + "'";
}

// What may stand there as it is: options, and the choices of positionals.
std::string words_of(const std::vector<Word>& words) {
  std::vector<std::string> all;
  for (const Word& word : words) {
    const auto& list = word.positional ? word.choices : word.names;
    all.insert(all.end(), list.begin(), list.end());
  }
  return joined(all, " ");
}

bool takes_files(const std::vector<Word>& words) {
  for (const Word& word : words)
    if (word.positional && word.wants == Wants::file) return true;
  return false;
}

std::string function_name(const std::string& program) { return "_" + program; }

// Options behind which a word of another kind stands: "--config|--jsonl".
std::string names_that_want(const Program& program, Wants wanted) {
  std::vector<std::string> names;
  const auto add = [&](const std::vector<Word>& words) {
    for (const Word& word : words)
      if (!word.positional && word.wants == wanted)
        names.insert(names.end(), word.names.begin(), word.names.end());
  };
  add(program.words);
  for (const Verb& verb : program.verbs) add(verb.words);
  return joined(names, "|");
}

std::string bash_before(const Program& program) {
  std::string cases;
  const auto add = [&cases](const std::string& names, const std::string& then) {
    if (!names.empty()) cases += "    " + names + ") " + then + " ;;\n";
  };
  add(names_that_want(program, Wants::file), "COMPREPLY=($(compgen -f -- \"$word\")); return");
  add(names_that_want(program, Wants::folder), "COMPREPLY=($(compgen -d -- \"$word\")); return");
  add(names_that_want(program, Wants::word), "return");
  return cases.empty() ? "" : "  case $before in\n" + cases + "  esac\n";
}

std::string bash_of(const std::vector<Word>& words) {
  std::string then = "words=" + quoted(words_of(words));
  if (takes_files(words)) then += "; files=yes";
  return then;
}

std::string zsh_spec(const Word& word) {
  static const std::string ends[] = {"",
                                     ":"
                                     "value:",
                                     ":file:_files", ":folder:_files -/"};
  std::string text = word.text;
  for (std::size_t at = 0; (at = text.find_first_of("[]:\\", at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  std::string end = ends[static_cast<std::size_t>(word.wants)];
  if (!word.choices.empty()) end = ":value:(" + joined(word.choices, " ") + ")";
  if (word.positional)
    return quoted((word.required ? ":" : "::") + word.names.front() + end.substr(end.rfind(':')));
  std::string specs;
  for (const std::string& name : word.names)
    specs += (specs.empty() ? "" : " ") + quoted(name + "[" + text + "]" + end);
  return specs;
}

std::string zsh_arguments(const std::vector<Word>& words) {
  std::string all = "_arguments";
  for (const Word& word : words) all += " \\\n    " + zsh_spec(word);
  return all;
}

std::string fish_line(const std::string& program, const std::string& condition, const Word& word) {
  std::string line = "complete -c " + program + " -n " + quoted(condition);
  if (word.positional) {
    if (word.choices.empty()) return word.wants == Wants::file ? line + " -F\n" : "";
    return line + " -f -a " + quoted(joined(word.choices, " ")) + " -d " + quoted(word.text) + "\n";
  }
  for (const std::string& name : word.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (word.wants != Wants::nothing) line += word.wants == Wants::word ? " -x" : " -r -F";
  return line + " -d " + quoted(word.text) + "\n";
}

}  // namespace

std::string bash_completion(const Program& program) {
  std::vector<std::string> names;
  std::string cases;
  for (const Verb& verb : program.verbs) {
    names.push_back(verb.name);
    cases += "    " + verb.name + ") " + bash_of(verb.words) + " ;;\n";
  }
  std::string text = function_name(program.name) + "() {\n";
  text +=
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb= words= files= each\n";
  text += bash_before(program);
  if (!names.empty())
    text += "  for each in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n    case $each in " + joined(names, "|") +
            ") verb=$each; break ;; esac\n  done\n";
  text += "  case $verb in\n" + cases;
  text +=
      "    *) words=" + quoted(joined(names, " ") + (names.empty() ? "" : " ") + words_of(program.words)) +
      " ;;\n  esac\n";
  text += "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n";
  text += "  if [[ $files && $word != -* ]]; then COMPREPLY+=($(compgen -f -- \"$word\")); fi\n}\n";
  return text + "complete -o filenames -F " + function_name(program.name) + " " + program.name + "\n";
}

std::string zsh_completion(const Program& program) {
  std::string text = "#compdef " + program.name + "\n";
  if (program.verbs.empty()) return text + zsh_arguments(program.words) + "\n";
  std::string verbs;
  std::string cases;
  for (const Verb& verb : program.verbs) {
    verbs += " \\\n    " + quoted(verb.name + ":" + verb.text);
    cases += "  " + verb.name + ") " + zsh_arguments(verb.words) + " ;;\n";
  }
  std::string options;
  for (const Word& word : program.words) options += " \\\n  " + zsh_spec(word);
  text += "local -a verbs\nlocal state line\n_arguments -C" + options +
          " \\\n  '1:verb:->verb' \\\n  '*::argument:->arguments'\n";
  text += "case $state in\n  verb) verbs=(" + verbs + ")\n    _describe verb verbs ;;\n";
  return text + "  arguments) case $line[1] in\n" + cases + "  esac ;;\nesac\n";
}

std::string fish_completion(const Program& program) {
  const std::string no_verb = program.verbs.empty() ? "true" : "__fish_use_subcommand";
  std::string text = "complete -c " + program.name + " -f\n";
  for (const Word& word : program.words) text += fish_line(program.name, no_verb, word);
  for (const Verb& verb : program.verbs) {
    text += "complete -c " + program.name + " -n __fish_use_subcommand -a " + verb.name + " -d " +
            quoted(verb.text) + "\n";
    for (const Word& word : verb.words)
      text += fish_line(program.name, "__fish_seen_subcommand_from " + verb.name, word);
  }
  return text;
}

}  // namespace tasklane::pages
