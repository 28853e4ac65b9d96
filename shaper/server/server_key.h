// One name for each model server, and for each model on it: under these, and no others, is kept what is known
// of them.
#pragma once

#include <compare>
#include <string>
#include <utility>

namespace tasklane {

struct ServerKey {
  std::string name;  // as statistics show it
  auto operator<=>(const ServerKey&) const = default;
};

struct ModelKey {
  ServerKey server;
  std::string model;
  auto operator<=>(const ModelKey&) const = default;
};

}  // namespace tasklane
