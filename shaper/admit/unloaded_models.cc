#include "shaper/admit/unloaded_models.h"

namespace tasklane {
namespace {

constexpr std::size_t most_unloaded = 64;  // of a server; past that all are forgotten

// Ollama's name without the tag that it takes where none is given.
std::string_view plain_name(std::string_view model) {
  constexpr std::string_view usual_tag = ":latest";
  if (model.ends_with(usual_tag)) model.remove_suffix(usual_tag.size());
  return model;
}

}  // namespace

void UnloadedModels::add(std::string_view model) {
  if (names_.size() >= most_unloaded) names_.clear();
  names_.emplace(plain_name(model));
}

bool UnloadedModels::has(std::string_view model) const {
  return !names_.empty() && (names_.contains("") || names_.contains(plain_name(model)));
}

bool UnloadedModels::take_out(std::string_view model) {
  if (!has(model)) return false;
  names_.erase("");
  names_.erase(std::string(plain_name(model)));
  return true;
}

}  // namespace tasklane
