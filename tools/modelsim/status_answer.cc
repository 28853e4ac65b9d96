#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/modelsim/state.h"

namespace tasklane::sim {
namespace {

using Json = nlohmann::ordered_json;

StatusAnswer ok(const Json& json) { return {200, "application/json", json.dump()}; }

Json ollama_models(const std::vector<std::string>& names, bool loaded) {
  Json models = Json::array();
  for (const std::string& name : names) {
    Json model{{"name", name},
               {"model", name},
               {"size", 329483549},
               {"digest", "sim"},
               {"details", {{"family", "sim"}, {"parameter_size", "1B"}, {"quantization_level", "Q4"}}}};
    if (loaded)
      model.update({{"expires_at", "2026-01-01T00:05:00Z"}, {"size_vram", 0}, {"context_length", 8192}});
    else
      model["modified_at"] = "2026-01-01T00:00:00Z";
    models.push_back(std::move(model));
  }
  return {{"models", models}};
}

Json openai_models(const std::vector<std::string>& names) {
  Json data = Json::array();
  for (const std::string& name : names)
    data.push_back({{"id", name}, {"object", "model"}, {"owned_by", "sim"}});
  return {{"object", "list"}, {"data", data}};
}

bool is_among(const std::string& name, const std::vector<std::string>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// One that is being loaded is not told by llama-swap, and not yet "loaded" at llama-server.
Json running(const std::vector<std::string>& ready) {
  Json models = Json::array();
  for (const std::string& name : ready) models.push_back({{"model", name}, {"state", "ready"}});
  return {{"running", models}};
}

Json routed_models(const std::vector<std::string>& names, const std::vector<std::string>& ready) {
  Json data = Json::array();
  for (const std::string& name : names)
    data.push_back({{"id", name},
                    {"object", "model"},
                    {"owned_by", "llamacpp"},
                    {"status", {{"value", is_among(name, ready) ? "loaded" : "unloaded"}}}});
  return {{"object", "list"}, {"data", data}};
}

// What stands before the models answers itself, whatever they are; nothing: it passes that on.
std::optional<StatusAnswer> router_answer(Server::State& state, const std::string& path) {
  const Router router = state.options.router;
  if (router == Router::none ||
      (path != "/running" && path != "/models" && path != "/v1/models" && !path.starts_with("/api/")))
    return std::nullopt;
  const std::vector<std::string> ready = state.engine.ready_models();
  if (router == Router::llama_swap && path == "/running") return ok(running(ready));
  if (router == Router::llama_server && path == "/models")
    return ok(routed_models(state.options.models, ready));
  if (path == "/v1/models") return ok(openai_models(state.options.models));
  return StatusAnswer{404, "text/plain", "404 page not found"};
}

Json embedding(const std::string& body, bool openai) {
  const Json json = Json::parse(body, nullptr, false);
  const std::size_t count =
      json.is_object() && json.contains("input") && json["input"].is_array() ? json["input"].size() : 1;
  Json vectors = Json::array();
  for (std::size_t i = 0; i < count; ++i) {
    const Json vector{0.1, 0.2, 0.3, std::sin(static_cast<double>(i))};
    if (openai)
      vectors.push_back({{"object", "embedding"}, {"index", i}, {"embedding", vector}});
    else
      vectors.push_back(vector);
  }
  if (openai)
    return {{"object", "list"}, {"data", vectors}, {"usage", {{"prompt_tokens", 1}, {"total_tokens", 1}}}};
  return {{"model", json.is_object() ? json.value("model", "") : ""}, {"embeddings", vectors}};
}

Json slots(const Engine& engine) {
  Json all = Json::array();
  for (const SlotView& slot : engine.slots())
    all.push_back({{"id", slot.id},
                   {"n_ctx", 16384},
                   {"is_processing", slot.processing},
                   {"id_task", slot.request},
                   {"n_prompt_tokens", slot.prompt_done},
                   {"next_token", Json::array({{{"n_decoded", slot.generated}}})}});
  return all;
}

Json seconds_or_null(const std::optional<Time>& time) {
  return time ? Json(seconds_of(time->time_since_epoch())) : Json(nullptr);
}

Json log_entry(const Server::State& state, std::size_t number, const Received& received) {
  Json entry{{"n", number},
             {"method", received.method},
             {"target", received.target},
             {"model", received.model},
             {"stream", received.stream},
             {"bytes", received.raw.size()},
             {"t_received", seconds_of(received.at.time_since_epoch())}};
  const auto found = state.engine.records().find(received.engine_id);
  if (found == state.engine.records().end()) return entry;
  const Record& record = found->second;
  entry["outcome"] = to_text(record.fate);
  entry["t_started"] = seconds_or_null(record.launched);
  entry["t_first_token"] = seconds_or_null(record.first_token);
  entry["t_done"] = seconds_or_null(record.ended);
  entry["t_cancel_noticed"] = seconds_or_null(record.close_noticed);
  entry["new_tokens"] = record.usage.new_tokens;
  entry["cached_tokens"] = record.usage.cached_tokens;
  entry["generated"] = record.usage.generated;
  entry["slot"] = record.slot;
  return entry;
}

StatusAnswer sim_answer(Server::State& state, const std::string& method, const std::string& path) {
  if (path == "/sim/log" && method == "DELETE") {
    state.dropped_log += state.log.size();
    state.log.clear();
    state.engine.forget_records();
    return ok({{"ok", true}});
  }
  if (path == "/sim/log") {
    Json requests = Json::array();
    for (std::size_t i = 0; i < state.log.size(); ++i)
      requests.push_back(log_entry(state, state.dropped_log + i, state.log[i]));
    return ok({{"requests", requests}, {"prompt_tokens_computed", state.engine.prompt_tokens_computed()}});
  }
  constexpr std::string_view raw = "/sim/raw/";
  if (path.starts_with(raw)) {
    const std::size_t number = std::strtoull(path.c_str() + raw.size(), nullptr, 10);
    if (number >= state.dropped_log && number - state.dropped_log < state.log.size())
      return {200, "application/octet-stream", state.log[number - state.dropped_log].raw};
  }
  return {404, "text/plain", "404 page not found"};
}

}  // namespace

StatusAnswer status_answer(Server::State& state, const std::string& method, const std::string& path,
                           const std::string& body) {
  const std::vector<std::string>& models = state.options.models;
  const bool llama = state.options.engine.flavour == Flavour::llama;
  if (path.starts_with("/sim/")) return sim_answer(state, method, path);
  if (method == "POST") {
    if (path == "/api/show")
      return ok({{"details", {{"family", "sim"}}},
                 {"model_info", Json::object()},
                 {"capabilities", {"completion", "tools"}}});
    if (path == "/api/embed" || path == "/api/embeddings") return ok(embedding(body, false));
    if (path == "/v1/embeddings" || path == "/embeddings") return ok(embedding(body, true));
  } else if (method == "GET" || method == "HEAD") {
    if (const std::optional<StatusAnswer> answer = router_answer(state, path)) return *answer;
    if (path == "/v1/models" || path == "/models") return ok(openai_models(models));
    if (path == "/health" && llama)
      return state.engine.loading()
                 ? StatusAnswer{503, "application/json",
                                R"({"error":{"message":"Loading model","type":"unavailable_error","code":503}})"}
                 : ok({{"status", "ok"}});
    if (path == "/slots" && llama) return ok(slots(state.engine));
    if (path == "/props" && llama)
      return ok(
          {{"total_slots", state.options.engine.slots}, {"default_generation_settings", {{"n_ctx", 16384}}}});
    if (path == "/api/tags") return ok(ollama_models(models, false));
    if (path == "/api/ps") return ok(ollama_models(state.engine.loaded_models(), true));
    if (path == "/api/version") return ok({{"version", "0.32.15"}});
    if (path == "/") return {200, "text/plain", "Ollama is running"};
  }
  if (llama)
    return {404, "application/json",
            R"({"error":{"message":"File Not Found","type":"not_found_error","code":404}})"};
  return {404, "text/plain", "404 page not found"};
}

}  // namespace tasklane::sim
