// A request asked of a server that speaks another dialect. What maps to what, and what cannot, stands in
// config/README.md, "Upstreams of another dialect". Pure; safe from any thread.
#pragma once

#include <optional>

#include "shaper/base/result.h"
#include "shaper/dialect/dialect.h"

namespace tasklane {

// The dialect in which a server of `family` is asked what came in `client`: the client's own where the server
// speaks it, else its chat. Nothing: it cannot be asked there.
std::optional<Dialect> asked_in(Dialect client, DialectFamily family);

// The request `body`, a JSON object, as `to` says it; as it is where `from` is `to`. Whether it streams is
// always said. Error: what of it cannot be said there, `where` a JSON pointer into `body`; the server is
// unfit for this request. No error's words hold a value of the body.
Result<OrderedJson> translate(const OrderedJson& body, Dialect from, Dialect to);

// The same for a server of somebody else's: always written anew, so that nothing stands in it that was not
// understood (names, metadata, a front end's ids), without the thoughts of earlier turns and without switches
// of thinking, which such servers refuse.
Result<OrderedJson> translate_for_strangers(const OrderedJson& body, Dialect from, Dialect to);

}  // namespace tasklane
