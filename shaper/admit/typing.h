// What belongs to what is being typed. Somebody who types is known by a header, or by the chat that their
// requests quote (shaper/classify/typist.h); in a new chat by an address, behind which there may be many.
#pragma once

#include <string_view>

#include "shaper/admit/admission.h"

namespace tasklane {

// Whoever stops for a suggestion types on within this, or has sent what was typed.
inline constexpr Duration types_on = std::chrono::seconds(5);

// Whether one person may have typed both, a moment apart: one text continues the other, or they part within
// the shorter one's last word, behind more than half of it (back over a slip of the finger). Who goes back
// further is not told from somebody else, and gets both answers. An empty text goes on from none.
bool goes_on(std::string_view one, std::string_view other);

// Whether the newer keystroke replaces the older one: of the same tenant and editor; in new chats, where no
// editor is known, of texts that go on from each other. In doubt both are answered.
bool same_editor(const Ticket& older, const Ticket& newer);

// Whether the chat comes from whoever typed the keystroke: of the same tenant and typist; where no header
// names the person, a line of what the chat sends goes on from the text.
bool sends_it(const Ticket& chat, const Ticket& keystroke);

}  // namespace tasklane
