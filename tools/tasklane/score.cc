#include "tools/tasklane/score.h"

#include <iomanip>
#include <ostream>

namespace tasklane {
namespace {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

bool is_interactive(std::string_view label) {
  const auto labelled = request_class_from(label);
  return labelled && default_lane(*labelled) == Lane::interactive;
}

}  // namespace

void Score::add(std::string_view label, RequestClass at_arrival, RequestClass best, bool ambiguous) {
  const std::string found(to_text(best));
  if (ambiguous) {
    ++ambiguous_[found];
    return;
  }
  ++total_;
  const std::string wanted(label);
  ++matrix_[{wanted, found}];
  ++classes_[wanted].labelled;
  ++classes_[found].found;
  if (wanted == found) ++classes_[wanted].right;
  if (wanted == to_text(at_arrival)) ++classes_[wanted].right_soon;
  if (is_interactive(label) && (is_task(best) || is_task(at_arrival))) ++chats_taken_;
}

nlohmann::json Score::to_json() const {
  nlohmann::json out{{"requests", total_}, {"chats_taken_for_tasks", chats_taken_}};
  std::uint64_t right = 0;
  for (const auto& [name, counts] : classes_) {
    right += counts.right;
    out["classes"][name] = {{"labelled", counts.labelled},
                            {"classified", counts.found},
                            {"right", counts.right},
                            {"precision", ratio(counts.right, counts.found)},
                            {"recall", ratio(counts.right, counts.labelled)},
                            {"recall_at_arrival", ratio(counts.right_soon, counts.labelled)}};
  }
  out["right"] = right;
  for (const auto& [pair, count] : matrix_) out["confusion"][pair.first][pair.second] = count;
  out["ambiguous"] = nlohmann::json::object();
  for (const auto& [name, count] : ambiguous_) out["ambiguous"][name] = count;
  return out;
}

void Score::print(std::ostream& out) const {
  out << "label            requests   right  precision   recall  at arrival  taken for\n";
  for (const auto& [name, counts] : classes_) {
    out << std::left << std::setw(16) << name << std::right << std::setw(9) << counts.labelled << std::setw(8)
        << counts.right << std::fixed << std::setprecision(4) << std::setw(11)
        << ratio(counts.right, counts.found) << std::setw(9) << ratio(counts.right, counts.labelled)
        << std::setw(12) << ratio(counts.right_soon, counts.labelled) << "  ";
    for (const auto& [pair, count] : matrix_)
      if (pair.first == name && pair.second != name) out << pair.second << " " << count << " ";
    out << "\n";
  }
  out << "\n" << total_ << " requests, " << chats_taken_ << " chats taken for a task\n";
  std::uint64_t apart = 0;
  for (const auto& [name, count] : ambiguous_) apart += count;
  if (apart == 0) return;
  out << apart << " ambiguous requests apart, classified:";
  for (const auto& [name, count] : ambiguous_) out << " " << name << " " << count;
  out << "\n";
}

}  // namespace tasklane
