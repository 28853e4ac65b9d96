// What a function that can fail returns: a value or an Error that a person can act on. The one type for
// recoverable errors in the whole project; exceptions stay inside the function that caught them.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <utility>

namespace tasklane {

// Exit codes of every program (README, "Exit codes").
enum class ExitCode { done = 0, found = 1, usage = 2, not_permitted = 3 };

struct Error {
  std::string what;                 // what is wrong
  std::string where;                // file, line, JSON pointer, rule name; may be empty
  std::string hint;                 // what to do about it; may be empty
  ExitCode exit = ExitCode::usage;  // what a program that ends on it returns

  // "where: what (hint)", for a person.
  [[nodiscard]] std::string text() const {
    std::string line = where.empty() ? what : where + ": " + what;
    return hint.empty() ? line : line + " (" + hint + ")";
  }
};

// Asking a failed Result for its value is a defect of the caller: it ends here.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  boost::throw_with_location(std::logic_error(error.text()), where);
}

template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace tasklane
