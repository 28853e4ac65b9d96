// What a counted figure is called wherever people meet it: in the agent's /stats, in Prometheus, as a column
// of `tasklane stats`, in the documents. A table of figures stands beside the fields that it names
// (statistics.h, lane_counters.h), and everything that shows figures loops over it. Constant.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "shaper/base/time.h"
#include "shaper/count/histogram.h"

namespace tasklane {

// Where its owner keeps it: a count, a time (in seconds everywhere), or how long things took.
template <class Owner>
using Place = std::variant<std::uint64_t Owner::*, Duration Owner::*, Histogram Owner::*>;

enum class FigureKind { counter, gauge };  // of what has been, or of what is now
enum class FigureUnit { number, bytes };   // of a count
enum class Shown { always, if_any };       // a column: in any case, or where some line has something there

struct Column {
  constexpr Column(const char* text = "", Shown where = Shown::always)  // NOLINT: a title is one
      : title(text), shown(where) {}
  std::string_view title;  // "": none. A histogram's has p50, p95 and p99 behind it
  Shown shown;
};
constexpr Column if_any(const char* title) { return {title, Shown::if_any}; }

template <class Owner>
struct Figure {
  Place<Owner> place;
  std::string_view json;    // its name in /stats
  std::string_view metric;  // its family in Prometheus; "": an event of its owner's EventFamily
  std::string_view help;    // of the family; of an event: what the documents say of its column
  Column column{};
  FigureKind kind = FigureKind::counter;
  FigureUnit unit = FigureUnit::number;
};

// The family of figures that are told apart by the label `event`, which is their name in /stats.
struct EventFamily {
  std::string_view name;
  std::string_view help;
};

// So many bytes of the owner have a figure: all of them, or a field was forgotten.
template <class Owner, std::size_t N>
constexpr std::size_t bytes_in(const std::array<Figure<Owner>, N>& figures) {
  std::size_t bytes = 0;
  for (const Figure<Owner>& figure : figures)
    bytes += std::visit([]<class Value>(Value Owner::*) { return sizeof(Value); }, figure.place);
  return bytes;
}

}  // namespace tasklane
