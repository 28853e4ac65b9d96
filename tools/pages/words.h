// A program as its arguments describe it: what its manual and its completions are made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tasklane::pages {

enum class Wants { nothing, word, file, folder };

// An option, or something that is given without one.
struct Word {
  std::vector<std::string> names;  // "-h", "--help"; a positional's own name
  bool positional = false;
  bool required = false;
  Wants wants = Wants::nothing;
  std::string value;                 // what stands for its value in a synopsis: "FILE"
  std::vector<std::string> choices;  // the only values that it takes; empty: any
  std::string by_default;
  std::string text;
};

struct Verb {
  std::string name;
  std::string text;
  std::vector<Word> words;
};

struct Program {
  std::string name;
  std::string text;
  std::string footer;
  std::vector<Word> words;
  std::vector<Verb> verbs;
};

std::string joined(const std::vector<std::string>& parts, const std::string& by);

Program program_of(const CLI::App& app);

// Its manual page, in troff's man macros; `date` as "2026-11-26", `see` as "tasklaned(8)".
std::string manual(const Program& program, int section, const std::string& date, const std::string& see);

std::string bash_completion(const Program& program);
std::string zsh_completion(const Program& program);
std::string fish_completion(const Program& program);

}  // namespace tasklane::pages
