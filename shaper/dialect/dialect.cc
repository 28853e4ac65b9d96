#include "shaper/dialect/dialect.h"

namespace tasklane {

const DialectRow& dialect_row(Dialect dialect) {
  static constexpr DialectRow none{.name = "none", .family = DialectFamily::none};
  return dialect == Dialect::none ? none : *dialect_table[static_cast<std::size_t>(dialect) - 1];
}

std::vector<Dialect> dialects_of_tasks() {
  std::vector<Dialect> list;
  for (const DialectRow* row : dialect_table)
    if (row->tasks_unasked) list.push_back(row->dialect);
  return list;
}

}  // namespace tasklane
