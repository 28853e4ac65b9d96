#include "shaper/server/residency.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace tasklane {
namespace {

using Json = nlohmann::json;

// Ollama leaves the tag out where it is this one.
std::string full_name(const std::string& name) {
  const auto slash = name.rfind('/');
  const bool tagged = name.find(':', slash == std::string::npos ? 0 : slash) != std::string::npos;
  return tagged ? name : name + ":latest";
}

std::string text_in(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t bytes_in(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

// What one entry of each list says.
void see_ollama(const Json& entry, ResidentModels& models) {
  models.loaded[full_name(text_in(entry, "name"))] = bytes_in(entry, "size");
}

void see_llama_swap(const Json& entry, ResidentModels& models) {
  if (text_in(entry, "state") == "ready") models.loaded[full_name(text_in(entry, "model"))] = 0;
}

void see_llama_server(const Json& entry, ResidentModels& models) {
  const auto status = entry.find("status");
  if (status != entry.end() && status->is_object()) {
    if (text_in(*status, "value") == "loaded") models.loaded[full_name(text_in(entry, "id"))] = 0;
    return;
  }
  const std::string owner = text_in(entry, "owned_by");
  if (owner == "llamacpp" || owner == "vllm" || owner == "sglang") models.all = true;
}

struct List {
  std::string_view path;
  const char* member;
  const char* name;
  void (*see)(const Json& entry, ResidentModels& models);
};
constexpr std::array<List, 3> lists{{{residency_paths[0], "models", "name", see_ollama},
                                     {residency_paths[1], "running", "model", see_llama_swap},
                                     {residency_paths[2], "data", "id", see_llama_server}}};

}  // namespace

std::optional<ResidentModels> resident_models_in(std::string_view path, std::string_view body) {
  const auto* const list =
      std::find_if(lists.begin(), lists.end(), [&](const List& each) { return each.path == path; });
  const Json json = Json::parse(body, nullptr, false);
  if (list == lists.end() || !json.is_object() || !json.contains(list->member)) return std::nullopt;
  const Json& entries = json[list->member];
  if (!entries.is_array()) return std::nullopt;
  ResidentModels models;
  for (const Json& entry : entries) {
    if (!entry.is_object() || text_in(entry, list->name).empty()) return std::nullopt;
    list->see(entry, models);
  }
  return models;
}

bool Residency::try_next_path() {
  path_ = (path_ + 1) % residency_paths.size();
  return path_ != 0;
}

void Residency::told(ResidentModels models, Time now) {
  known_ = true;
  until_ = now + fresh_for;
  if (models.loaded.size() > 1 && models.loaded.size() <= most_models)
    for (const auto& [name, bytes] : models.loaded) {
      const bool room = seen_beside_.size() < most_models || seen_beside_.contains(name);
      if (room && models.loaded.size() >= seen_beside_[name].size()) seen_beside_[name] = models.loaded;
    }
  last_ = std::move(models);
}

void Residency::told_nothing(Time now) {
  known_ = false;
  until_ = now + unknown_for;
}

bool Residency::fits(const std::string& model, const std::string& chats) const {
  const auto found = seen_beside_.find(model);
  if (found == seen_beside_.end() || !found->second.contains(chats)) return false;
  return std::all_of(last_->loaded.begin(), last_->loaded.end(), [&](const auto& each) {
    const auto then = found->second.find(each.first);
    return then != found->second.end() && each.second <= then->second;
  });
}

bool Residency::takes(const std::string& model, const std::string& chats, Time now) const {
  if (!known_ || is_due(now)) return false;
  return last_->all || last_->loaded.contains(full_name(model)) || fits(full_name(model), full_name(chats));
}

}  // namespace tasklane
