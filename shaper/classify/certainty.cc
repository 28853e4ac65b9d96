#include "shaper/classify/certainty.h"

namespace tasklane {

std::string_view to_text(Certainty certainty) {
  switch (certainty) {
    case Certainty::named:
      return "named";
    case Certainty::contract:
      return "contract";
    case Certainty::learnt:
      return "learnt";
    case Certainty::echo:
      return "echo";
    case Certainty::none:
      return "none";
  }
  return "none";
}

std::string_view to_text(May may) {
  switch (may) {
    case May::wait:
      return "wait";
    case May::cancel:
      return "cancel";
    case May::constrain:
      return "constrain";
    case May::cap:
      return "cap";
    case May::answer:
      return "answer";
    case May::share:
      return "share";
    case May::redirect:
      return "redirect";
  }
  return "";
}

std::vector<std::string_view> Power::names() const {
  std::vector<std::string_view> list;
  for (const May each : all_powers)
    if (may(each)) list.push_back(to_text(each));
  return list;
}

Power Power::of(std::initializer_list<May> list) {
  unsigned bits = 0;
  for (const May each : list) bits |= bit(each);
  return Power(bits);
}

Power power_of(Certainty certainty, RequestClass request_class) {
  if (!is_task(request_class)) return {};
  if (certainty != Certainty::named && default_lane(request_class) == Lane::blocking) return {};
  switch (certainty) {
    case Certainty::named:
      return Power::of(
          {May::wait, May::cancel, May::constrain, May::cap, May::answer, May::share, May::redirect});
    case Certainty::contract:
      return Power::of({May::wait, May::cancel, May::constrain, May::redirect});
    case Certainty::learnt:
      return Power::of({May::wait});
    case Certainty::echo:
    case Certainty::none:
      return {};
  }
  return {};
}

Power power_by_rule(bool may_cancel) {
  return may_cancel ? Power::of({May::wait, May::cancel}) : Power::of({May::wait});
}

namespace {

std::string_view what_shows_it(Certainty certainty) {
  switch (certainty) {
    case Certainty::named:
      return "a header names it, or a pack entry matched whole";
    case Certainty::contract:
      return "it quotes a chat of its own tenant at the class's time, and asks for the exact contract of its "
             "class";
    case Certainty::learnt:
      return "its tenant has sent this shape at least three times, each time right behind the chat that it "
             "quotes";
    case Certainty::echo:
      return "it quotes a chat, and so do routers, filters and people that wait for the answer";
    case Certainty::none:
      return "nothing shows that it is a task";
  }
  return "";
}

std::string_view doing(May may) {
  switch (may) {
    case May::wait:
      return "wait for chats";
    case May::cancel:
      return "be cancelled for a chat while it runs";
    case May::constrain:
      return "get the schema of its answer";
    case May::cap:
      return "get a token cap, and thinking off";
    case May::answer:
      return "be answered empty or from memory";
    case May::share:
      return "share an answer, or give way to a newer one";
    case May::redirect:
      return "be redirected or changed by a rule for its class";
  }
  return "";
}

std::string why_not(Certainty certainty, May may) {
  if (certainty == Certainty::learnt && may == May::cancel) return "a learnt shape only waits";
  if (certainty == Certainty::contract && (may == May::cap || may == May::answer || may == May::share))
    return "the template is somebody's own, and nobody knows what else it asks for";
  if (certainty == Certainty::learnt) return "nobody knows what its answer looks like";
  return std::string(what_shows_it(certainty));
}

}  // namespace

std::vector<std::string> powers_in_words(Certainty certainty, RequestClass request_class, bool as_shipped) {
  const Power power = power_of(certainty, request_class);
  std::vector<std::string> lines;
  for (const May each : all_powers) {
    const bool allowed = power.may(each);
    std::string line = allowed ? "may " : "may not ";
    line.append(doing(each)).append(": ");
    if (!allowed && !is_task(request_class) && certainty > Certainty::echo)
      line += "its class is no task";
    else if (!allowed && power.nothing() && certainty > Certainty::echo)
      line += "a person waits for it, as for a plugin's question of the same form";
    else if (allowed && !as_shipped && each == May::constrain)
      line += "types alone, for the words are somebody's own";
    else if (allowed && !as_shipped && each == May::cap)
      line += "thinking off alone, for the words are somebody's own";
    else
      line += allowed ? std::string(what_shows_it(certainty)) : why_not(certainty, each);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace tasklane
