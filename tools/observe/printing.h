// Figures for people.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace tasklane::observe {

// printf's words; at most 255 bytes of them.
template <class... Values>
std::string printed(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// To a microsecond: what a capture's clock is good for.
inline double rounded(double value) { return std::round(value * 1e6) / 1e6; }

}  // namespace tasklane::observe
