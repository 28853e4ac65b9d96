// How well classes agree with the labels that people gave: a confusion matrix, precision and recall per
// class. Requests that nothing could tell apart (`ambiguous`) are counted apart.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "shaper/base/request_class.h"

namespace tasklane {

class Score {
 public:
  // `best` is the class at the end: the late one where the late echo changed it.
  void add(std::string_view label, RequestClass at_arrival, RequestClass best, bool ambiguous);

  // Requests that are labelled chat, moa, compaction or other and were taken for a task, ambiguous ones
  // apart.
  [[nodiscard]] std::uint64_t chats_taken_for_tasks() const { return chats_taken_; }
  [[nodiscard]] nlohmann::json to_json() const;
  void print(std::ostream& out) const;

 private:
  struct Counts {
    std::uint64_t labelled = 0;
    std::uint64_t found = 0;       // classified so, by `best`
    std::uint64_t right = 0;       // both, by `best`
    std::uint64_t right_soon = 0;  // both, at arrival
  };
  std::map<std::string, Counts> classes_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> matrix_;  // (label, class)
  std::map<std::string, std::uint64_t> ambiguous_;                       // class of those
  std::uint64_t total_ = 0;
  std::uint64_t chats_taken_ = 0;
};

}  // namespace tasklane
