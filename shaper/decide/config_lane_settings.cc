#include "shaper/decide/config_lane_settings.h"

#include <array>
#include <utility>

namespace tasklane {
namespace {

using Setter = JsonCursor::Setter;

template <class Value>
using Names = std::vector<std::pair<std::string_view, Value>>;

template <class Value>
std::optional<Value> one_of(const JsonCursor& at, const Names<Value>& names) {
  const std::optional<std::string> written = at.text();
  if (!written) return std::nullopt;
  std::vector<std::string_view> known;
  for (const auto& [name, value] : names) {
    if (name == *written) return value;
    known.push_back(name);
  }
  at.fail("unknown word '" + *written + "'", suggest(*written, known));
  return std::nullopt;
}

Setter flag(bool& target) {
  return [&target](const JsonCursor& c) { target = c.boolean().value_or(target); };
}

Setter duration(Duration& target) {
  return [&target](const JsonCursor& c) { target = c.duration().value_or(target); };
}

Setter count(std::optional<unsigned>& target, std::int64_t least) {
  return [&target, least](const JsonCursor& c) {
    if (const auto value = c.integer(least, 1000)) target = static_cast<unsigned>(*value);
  };
}

void set_lane(const JsonCursor& at, LaneSettings& settings) {
  Names<Lane> names;
  for (const Lane lane : all_lanes) names.emplace_back(to_text(lane), lane);
  settings.lane = one_of(at, names);
}

void set_share(const JsonCursor& at, LaneSettings& settings) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  const Result<double> share = parse_percent(*written);
  if (!share) return at.fail(share.error().what, share.error().hint);
  if (*share <= 0 || *share > 1)
    return at.fail("'" + *written + "' is no part of the time", "write more than 0% and at most 100%");
  settings.share = *share;
}

// false: never; a number: so often, then it runs to its end.
void set_preempt(const JsonCursor& at, LaneSettings& settings) {
  if (!at.value().is_boolean()) return count(settings.preempt, 0)(at);
  if (!at.value().get<bool>()) settings.preempt.reset();
}

// false: off; a duration: so long.
void set_cache(const JsonCursor& at, LaneSettings& settings) {
  if (at.value().is_boolean() && !at.value().get<bool>())
    settings.cache.reset();
  else
    settings.cache = at.duration();
}

void set_rate(const JsonCursor& at, LaneSettings& settings) {
  RateLimit rate;
  at.members(
      {{"per",
        [&](const JsonCursor& c) {
          rate.per = one_of<RatePer>(c, {{"client", RatePer::client},
                                         {"model", RatePer::model},
                                         {"class", RatePer::request_class}})
                         .value_or(rate.per);
        }},
       {"limit",
        [&](const JsonCursor& c) {
          const std::optional<std::string> written = c.text();
          if (!written) return;
          const Result<Rate> parsed = parse_rate(*written);
          if (!parsed) return c.fail(parsed.error().what, parsed.error().hint);
          if (parsed->per_second <= 0)
            return c.fail("a rate of nothing lets nothing through", "use \"answer\": true for that");
          rate.limit = *parsed;
        }},
       {"burst",
        [&](const JsonCursor& c) { rate.burst = static_cast<double>(c.integer(1, 100000).value_or(1)); }},
       {"over",
        [&](const JsonCursor& c) {
          rate.over =
              one_of<OverRate>(
                  c, {{"hold", OverRate::hold}, {"answer", OverRate::answer}, {"reject", OverRate::reject}})
                  .value_or(rate.over);
        }}},
      {"limit"});
  settings.rate = rate;
}

}  // namespace

JsonCursor::Members lane_setting_members(Then& then) {
  LaneSettings& t = then.settings;
  JsonCursor::Members members{
      {"lane", [&t](const JsonCursor& c) { set_lane(c, t); }},
      {"settle", duration(t.settle)},
      {"hold", flag(t.hold)},
      {"quiet", duration(t.quiet)},
      {"max_wait", duration(t.max_wait)},
      {"preempt", [&t](const JsonCursor& c) { set_preempt(c, t); }},
      {"slices", flag(t.slices)},
      {"debounce", duration(t.debounce)},
      {"supersede", flag(t.supersede)},
      {"type_ahead", flag(t.type_ahead)},
      {"while_chat",
       [&t](const JsonCursor& c) {
         t.while_chat = one_of<WhileChat>(c, {{"answer", WhileChat::answer}, {"hold", WhileChat::hold}})
                            .value_or(t.while_chat);
       }},
      {"coalesce", flag(t.coalesce)},
      {"cache", [&t](const JsonCursor& c) { set_cache(c, t); }},
      {"rate", [&t](const JsonCursor& c) { set_rate(c, t); }},
      {"concurrency", count(t.concurrency, 1)},
      {"share", [&t](const JsonCursor& c) { set_share(c, t); }},
      {"deadline", [&t](const JsonCursor& c) { t.deadline = c.duration(); }},
      {"answer", flag(t.answer)},
      {"constrain", flag(t.constrain)},
      {"align", flag(t.align)}};
  for (auto& [name, setter] : members)
    setter = [&then, key = name, inner = std::move(setter)](const JsonCursor& c) {
      then.laned = true;
      then.given.emplace(key);
      inner(c);
    };
  return members;
}

}  // namespace tasklane
