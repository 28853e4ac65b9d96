#include "shaper/decide/config_lane_settings.h"

#include <utility>
#include <variant>

namespace tasklane {
namespace {

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

std::optional<unsigned> count(const JsonCursor& at, std::int64_t least) {
  const std::optional<std::int64_t> value = at.integer(least, 1000);
  return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
}

// How each kind of setting is written. What is wrong is noted, and the field stays as it is.
void set(const JsonCursor& at, bool& field, const LaneSetting& /*setting*/) {
  field = at.boolean().value_or(field);
}

void set(const JsonCursor& at, Duration& field, const LaneSetting& /*setting*/) {
  field = at.duration().value_or(field);
}

void set(const JsonCursor& at, WhileChat& field, const LaneSetting& /*setting*/) {
  field = one_of<WhileChat>(at, {{"answer", WhileChat::answer}, {"hold", WhileChat::hold}}).value_or(field);
}

void set(const JsonCursor& at, std::optional<Lane>& field, const LaneSetting& /*setting*/) {
  Names<Lane> names;
  for (const Lane lane : all_lanes) names.emplace_back(to_text(lane), lane);
  field = one_of(at, names);
}

// false: off; a duration: so long.
void set(const JsonCursor& at, std::optional<Duration>& field, const LaneSetting& setting) {
  const bool off = setting.may_be_off && at.value().is_boolean() && !at.value().get<bool>();
  field = off ? std::nullopt : at.duration();
}

// false: never, true: as often as usual; a number: so often.
void set(const JsonCursor& at, std::optional<unsigned>& field, const LaneSetting& setting) {
  if (!setting.may_be_off || !at.value().is_boolean()) {
    if (const auto value = count(at, setting.may_be_off ? 0 : 1)) field = value;
  } else if (!at.value().get<bool>()) {
    field.reset();
  }
}

void set(const JsonCursor& at, std::optional<double>& field, const LaneSetting& /*setting*/) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  const Result<double> share = parse_percent(*written);
  if (!share) return at.fail(share.error().what, share.error().hint);
  if (*share <= 0 || *share > 1)
    return at.fail("'" + *written + "' is no part of the time", "write more than 0% and at most 100%");
  field = *share;
}

void set_limit(const JsonCursor& at, Rate& limit) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  const Result<Rate> parsed = parse_rate(*written);
  if (!parsed) return at.fail(parsed.error().what, parsed.error().hint);
  if (parsed->per_second <= 0)
    return at.fail("a rate of nothing lets nothing through", "use \"answer\": true for that");
  limit = *parsed;
}

void set(const JsonCursor& at, std::optional<RateLimit>& field, const LaneSetting& /*setting*/) {
  const Names<RatePer> pers{
      {"client", RatePer::client}, {"model", RatePer::model}, {"class", RatePer::request_class}};
  const Names<OverRate> overs{
      {"hold", OverRate::hold}, {"answer", OverRate::answer}, {"reject", OverRate::reject}};
  RateLimit rate;
  at.members(
      {{"per", [&](const JsonCursor& c) { rate.per = one_of(c, pers).value_or(rate.per); }},
       {"limit", [&](const JsonCursor& c) { set_limit(c, rate.limit); }},
       {"burst",
        [&](const JsonCursor& c) { rate.burst = static_cast<double>(c.integer(1, 100000).value_or(1)); }},
       {"over", [&](const JsonCursor& c) { rate.over = one_of(c, overs).value_or(rate.over); }}},
      {"limit"});
  field = rate;
}

}  // namespace

JsonCursor::Members lane_setting_members(Then& then) {
  JsonCursor::Members members;
  for (const LaneSetting& setting : lane_setting_table)
    members.emplace(setting.name, [&then, &setting](const JsonCursor& at) {
      then.laned = true;
      then.given.emplace(setting.name);
      std::visit([&](auto place) { set(at, then.settings.*place, setting); }, setting.place);
    });
  return members;
}

}  // namespace tasklane
