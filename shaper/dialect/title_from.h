// A title without a model.
#pragma once

#include <string>
#include <string_view>

namespace tasklane {

// A title made of the first words of a message: one line, without Markdown signs, 48 columns at most (a CJK
// character takes two) and an ellipsis where it is cut, between words. "" where the message has no letters or
// digits.
std::string title_from(std::string_view message);

}  // namespace tasklane
