#include "shaper/dialect/endpoint.h"

#include <algorithm>
#include <array>
#include <span>

namespace tasklane {
namespace {

// The last segments of a path, the last one first; what is missing is empty.
struct Ending {
  std::array<std::string_view, 3> segments;
  std::size_t count = 0;
};

Ending ending_of(std::string_view path) {
  Ending ending;
  while (ending.count < ending.segments.size()) {
    const std::size_t last = path.find_last_not_of('/');
    if (last == std::string_view::npos) break;
    path = path.substr(0, last + 1);
    const std::size_t slash = path.rfind('/');
    if (slash == std::string_view::npos) break;
    ending.segments[ending.count++] = path.substr(slash + 1);
    path = path.substr(0, slash);
  }
  return ending;
}

// Whether the path ends like `known`, "api/chat" or "completions".
bool ends_like(const Ending& ending, std::string_view known) {
  for (std::size_t i = 0; i < ending.segments.size(); ++i) {
    const std::size_t slash = known.rfind('/');
    if (ending.segments[i] != (slash == std::string_view::npos ? known : known.substr(slash + 1)))
      return false;
    if (slash == std::string_view::npos) return true;
    known = known.substr(0, slash);
  }
  return false;
}

bool ends_like_any(const Ending& ending, std::span<const std::string_view> known) {
  return std::any_of(known.begin(), known.end(),
                     [&](std::string_view each) { return ends_like(ending, each); });
}

// Of llama-server, LM Studio and others: they generate, and nobody here reads them.
constexpr std::array<std::string_view, 4> unread{"completion", "infill", "v1/chat", "generate"};

constexpr std::array<std::string_view, 11> embedding{"embed",     "embeddings",  "embedding",  "rerank",
                                                     "reranking", "api/pooling", "v1/pooling", "pooling",
                                                     "score",     "classify",    "v1/classify"};

constexpr std::array<std::string_view, 3> media{"images/generations", "images/edits", "images/variations"};

// Status and management of models in Ollama, llama-server, vLLM: nothing here has a model generate.
constexpr std::array<std::string_view, 41> administration{"api/tags",
                                                          "api/version",
                                                          "api/ps",
                                                          "api/show",
                                                          "api/pull",
                                                          "api/push",
                                                          "api/create",
                                                          "api/copy",
                                                          "api/delete",
                                                          "api/status",
                                                          "api/me",
                                                          "api/signout",
                                                          "models",
                                                          "models/load",
                                                          "models/unload",
                                                          "model/unload",
                                                          "unload",
                                                          "health",
                                                          "slots",
                                                          "props",
                                                          "metrics",
                                                          "tokenize",
                                                          "detokenize",
                                                          "apply-template",
                                                          "lora-adapters",
                                                          "messages/count_tokens",
                                                          "responses/input_tokens",
                                                          "sleep",
                                                          "wake_up",
                                                          "load_lora_adapter",
                                                          "unload_lora_adapter",
                                                          "reset_prefix_cache",
                                                          "reset_mm_cache",
                                                          "start_profile",
                                                          "stop_profile",
                                                          "models/download",
                                                          "models/copy",
                                                          "models/delete",
                                                          "ping",
                                                          "version",
                                                          "is_sleeping"};

// One of these before the last segment, which is a name: /api/blobs/<digest>, /v1/models/<model>, /slots/<n>.
constexpr std::array<std::string_view, 3> of_one{"blobs", "models", "slots"};

bool is_admin(const Ending& ending) {
  if (ending.count == 0) return true;
  if (ends_like_any(ending, administration)) return true;
  return std::find(of_one.begin(), of_one.end(), ending.segments[1]) != of_one.end();
}

}  // namespace

std::string_view path_of(std::string_view target) {
  if (const auto scheme = target.find("://"); scheme != std::string_view::npos && !target.starts_with('/')) {
    const auto slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

bool unloads_models(std::string_view method, std::string_view target) {
  const Ending ending = ending_of(path_of(target));
  if (ends_like(ending, "unload")) return method == "POST" || method == "GET";
  return method == "POST" && ends_like(ending, "sleep");
}

bool lists_models(std::string_view method, std::string_view target) {
  const Ending ending = ending_of(path_of(target));
  return method == "GET" && (ends_like(ending, "api/tags") || ends_like(ending, "models"));
}

Endpoint endpoint_of(std::string_view method, std::string_view target) {
  const std::string_view path = path_of(target);
  if (!path.starts_with('/')) return {};  // of a proxy or of a whole server: "*", "host:443"
  const Ending ending = ending_of(path);
  const bool post = method == "POST";
  if (post)
    for (const DialectRow* row : dialect_table)
      if (ends_like(ending, row->path)) return {EndpointKind::generation, row->dialect};
  if (post && ends_like_any(ending, unread)) return {EndpointKind::generation, Dialect::none};
  if (post && ends_like_any(ending, embedding)) return {EndpointKind::embedding, Dialect::none};
  if (post && ends_like_any(ending, media)) return {EndpointKind::media, Dialect::none};
  if (is_admin(ending)) return {EndpointKind::admin, Dialect::none};
  return {post ? EndpointKind::unknown_post : EndpointKind::other, Dialect::none};
}

}  // namespace tasklane
