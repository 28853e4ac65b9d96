// Tables of the documents, found by the comment above them: <!-- table: lane settings -->. It does not matter
// which document holds the table.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace tasklane::test {

inline std::vector<std::filesystem::path> documents() {
  std::vector<std::filesystem::path> found;
  const std::filesystem::path root = TASKLANE_SOURCE_DIR;
  const auto add = [&](const std::filesystem::path& file) {
    if (file.extension() == ".md") found.push_back(file);
  };
  for (const auto& each : std::filesystem::directory_iterator(root)) add(each.path());
  for (const char* folder : {"config", "tools", "docs"})
    if (std::filesystem::is_directory(root / folder))
      for (const auto& each : std::filesystem::recursive_directory_iterator(root / folder)) add(each.path());
  return found;
}

// "| a | b |" as its cells.
inline std::vector<std::string> cells_of(const std::string& line) {
  static const std::regex cell(R"(\|\s*((?:\\.|[^|\\])*?)\s*(?=\|))");
  std::vector<std::string> cells;
  for (std::sregex_iterator at(line.begin(), line.end(), cell), end; at != end; ++at)
    cells.push_back((*at)[1]);
  return cells;
}

// The rows below the head of the one table of that name, as cells.
inline std::vector<std::vector<std::string>> documented_table(const std::string& name) {
  std::vector<std::vector<std::string>> rows;
  int tables = 0;
  for (const std::filesystem::path& file : documents()) {
    std::ifstream in(file);
    std::string line;
    while (std::getline(in, line)) {
      if (line != "<!-- table: " + name + " -->") continue;
      ++tables;
      for (int head = 0; std::getline(in, line) && (line.starts_with('|') || (head == 0 && line.empty()));)
        if (!line.empty() && ++head > 2) rows.push_back(cells_of(line));
    }
  }
  EXPECT_EQ(tables, 1) << "a document has a line <!-- table: " << name << " --> above the table";
  return rows;
}

// What stands in `marks` in a cell: "`hold`, `quiet`".
inline std::vector<std::string> marked_words(const std::string& cell) {
  static const std::regex word("`([^`]+)`");
  std::vector<std::string> words;
  for (std::sregex_iterator at(cell.begin(), cell.end(), word), end; at != end; ++at)
    words.push_back((*at)[1]);
  return words;
}

}  // namespace tasklane::test
