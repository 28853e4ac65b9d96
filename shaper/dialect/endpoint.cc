#include "shaper/dialect/endpoint.h"

#include <array>
#include <utility>

namespace tasklane {
namespace {

using Known = std::pair<std::string_view, Endpoint>;

constexpr std::array<Known, 11> posted{{
    {"/api/chat", {EndpointKind::generation, Dialect::ollama_chat}},
    {"/api/generate", {EndpointKind::generation, Dialect::ollama_generate}},
    {"/v1/chat/completions", {EndpointKind::generation, Dialect::openai_chat}},
    {"/chat/completions", {EndpointKind::generation, Dialect::openai_chat}},
    {"/v1/completions", {EndpointKind::generation, Dialect::openai_completions}},
    {"/completions", {EndpointKind::generation, Dialect::openai_completions}},
    {"/api/embed", {EndpointKind::embedding, Dialect::none}},
    {"/api/embeddings", {EndpointKind::embedding, Dialect::none}},
    {"/v1/embeddings", {EndpointKind::embedding, Dialect::none}},
    {"/embeddings", {EndpointKind::embedding, Dialect::none}},
    {"/embedding", {EndpointKind::embedding, Dialect::none}},
}};

// Model management and status of Ollama and llama-server; nothing here waits for a model to generate.
constexpr std::array<std::string_view, 15> admin_paths{
    "/api/tags",  "/api/version", "/api/ps",   "/api/show",   "/api/pull",
    "/api/push",  "/api/create",  "/api/copy", "/api/delete", "/api/status",
    "/v1/models", "/models",      "/health",   "/v1/health",  "/slots"};
constexpr std::array<std::string_view, 3> admin_more{"/props", "/metrics", "/"};

bool is_admin(std::string_view path) {
  for (const std::string_view known : admin_paths)
    if (path == known) return true;
  for (const std::string_view known : admin_more)
    if (path == known) return true;
  return path.starts_with("/api/blobs/") || path.starts_with("/v1/models/");
}

}  // namespace

std::string_view to_text(Dialect dialect) {
  switch (dialect) {
    case Dialect::none:
      return "none";
    case Dialect::ollama_chat:
      return "ollama_chat";
    case Dialect::ollama_generate:
      return "ollama_generate";
    case Dialect::openai_chat:
      return "openai_chat";
    case Dialect::openai_completions:
      return "openai_completions";
  }
  return "none";
}

std::string_view path_of(std::string_view target) {
  if (const auto scheme = target.find("://"); scheme != std::string_view::npos && !target.starts_with('/')) {
    const auto slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

bool lists_models(std::string_view method, std::string_view target) {
  const std::string_view path = path_of(target);
  return method == "GET" && (path == "/api/tags" || path == "/v1/models" || path == "/models");
}

Endpoint endpoint_of(std::string_view method, std::string_view target) {
  const std::string_view path = path_of(target);
  if (method == "POST")
    for (const auto& [known, endpoint] : posted)
      if (path == known) return endpoint;
  return {is_admin(path) ? EndpointKind::admin : EndpointKind::other, Dialect::none};
}

}  // namespace tasklane
