// A verb of the tool, called as a function.
#pragma once

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace tasklane {

struct Ran {
  int exit = -1;
  std::string out;
  std::string err;

  // What it printed, each line of which is one.
  [[nodiscard]] std::vector<nlohmann::json> objects() const {
    std::vector<nlohmann::json> list;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) list.push_back(nlohmann::json::parse(line));
    return list;
  }
};

// `verb(in, out, err)` gives the exit code.
template <class Verb>
Ran run_verb(const std::string& input, const Verb& verb) {
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  Ran ran;
  ran.exit = verb(in, out, err);
  ran.out = out.str();
  ran.err = err.str();
  return ran;
}

}  // namespace tasklane
