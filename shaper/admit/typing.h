// What belongs to what is being typed. Somebody who types is known by a header, or by the chat that their
// requests quote (shaper/classify/typist.h); in a new chat by an address, behind which there may be many.
#pragma once

#include <string_view>

#include "shaper/admit/admission.h"

namespace tasklane {

// Whether one person may have typed both, a moment apart: one text continues the other, or they part within
// the shorter one's last word, behind more than half of it (back over a slip of the finger). Who goes back
// further is not told from somebody else, and gets both answers. An empty text goes on from none.
bool goes_on(std::string_view one, std::string_view other);

// Where a keystroke is typed. Whoever gets what was suggested there has read the same chat, or none.
TypistKey editor_of(const Ticket& keystroke);

// Whether the newer keystroke replaces the older one: of the same editor; where only the address tells it,
// the text must go on too, else it is somebody else's. In doubt both are answered.
bool same_editor(const Ticket& older, const Ticket& newer);

// Whether the chat comes from whoever typed the keystroke: of the same typist; where only the address told
// that, it is the first turn of a chat in which a line goes on from the text.
bool sends_it(const Ticket& chat, const Ticket& keystroke);

}  // namespace tasklane
