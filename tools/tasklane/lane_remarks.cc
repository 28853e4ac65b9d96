#include "tools/tasklane/lane_remarks.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>

#include "shaper/decide/treatment.h"
#include "shaper/decide/when.h"
#include "shaper/dialect/empty_answer.h"

namespace tasklane {
namespace {

using Names = std::set<std::string, std::less<>>;

// Whether a setting of that name means something there.
bool matters_in(Lane lane, std::string_view name) {
  const LaneSetting* const setting = lane_setting(name);
  return setting != nullptr && setting->lanes.contains(lane);
}

// Where the rule's requests wait; none: its classes are not known.
std::set<Lane> lanes_of(const Rule& rule) {
  if (rule.then.settings.lane) return {*rule.then.settings.lane};
  std::set<Lane> lanes;
  for (const RequestClass each : rule.when->classes)
    if (is_task(each)) lanes.insert(default_lane(each));
  return lanes;
}

void list(std::string& to, std::string_view name) { to.append(to.empty() ? "" : ", ").append(name); }

std::string listed(const Names& names) {
  std::string all;
  for (const std::string& name : names) list(all, name);
  return all;
}

// What a rule puts into a lane that is no task waits, and passes as it came: nothing that makes, shares or
// shapes an answer can take effect on it.
void note_passing(const Rule& rule, const std::string& others, std::vector<std::string>& remarks) {
  static const Names shapes{"answer",   "deadline",   "constrain", "cache",      "coalesce", "supersede",
                            "debounce", "type_ahead", "share",     "while_chat", "slices",   "align"};
  Names given;
  std::set_intersection(rule.then.given.begin(), rule.then.given.end(), shapes.begin(), shapes.end(),
                        std::inserter(given, given.end()));
  if (!given.empty())
    remarks.push_back("rule '" + rule.name + "': " + listed(given) + " without effect on " +
                      (others.empty() ? "what is no task" : others) +
                      ": it waits in its lane, and passes as it came");
}

void note_not_tasks(const Rule& rule, std::vector<std::string>& remarks) {
  std::string others;
  for (const RequestClass each : rule.when->classes)
    if (!is_task(each) && each != RequestClass::compaction) list(others, to_text(each));
  if (puts_chats_into_lane(rule)) return note_passing(rule, others, remarks);
  if (!others.empty())
    remarks.push_back("rule '" + rule.name + "' says " + listed(rule.then.given) + " of " + others +
                      ", which is no task: it goes at once, and never gets an answer of Tasklane's");
}

void note_interactive(const Rule& rule, std::vector<std::string>& remarks) {
  Names others = rule.then.given;
  std::erase_if(others, [](const std::string& name) { return matters_in(Lane::interactive, name); });
  if (rule.then.settings.lane == Lane::interactive && !others.empty())
    remarks.push_back("rule '" + rule.name + "' has the lane interactive, where requests go at once: " +
                      listed(others) + " without effect");
}

void note_ignored(const Rule& rule, std::vector<std::string>& remarks) {
  std::set<Lane> lanes = lanes_of(rule);
  lanes.erase(Lane::interactive);  // has a remark of its own
  if (lanes.empty()) return;
  std::string ignored;
  for (const std::string& name : rule.then.given)
    if (std::none_of(lanes.begin(), lanes.end(), [&](Lane lane) { return matters_in(lane, name); }))
      list(ignored, name);
  std::string where;
  for (const Lane lane : lanes) list(where, to_text(lane));
  if (!ignored.empty())
    remarks.push_back("rule '" + rule.name + "': " + ignored + " without effect in the lane " + where);
}

void note_no_empty_answer(const Rule& rule, std::vector<std::string>& remarks) {
  std::string classes;
  for (const RequestClass each : rule.when->classes)
    if (is_task(each) && !has_empty_answer(each)) list(classes, to_text(each));
  Names given;
  for (const std::string& name : rule.then.given)
    if (const LaneSetting* const setting = lane_setting(name); setting != nullptr && setting->answers_empty)
      given.insert(name);
  if (!classes.empty() && !given.empty())
    remarks.push_back("rule '" + rule.name + "': nothing empty is a valid answer to " + classes + ": " +
                      listed(given) + " without effect there");
}

void note_times(const Rule& rule, std::vector<std::string>& remarks) {
  const LaneSettings& settings = rule.then.settings;
  if (lanes_of(rule).contains(Lane::background) && settings.settle > settings.max_wait)
    remarks.push_back("rule '" + rule.name +
                      "': settle is longer than max_wait: it waits for settle all the same");
}

// Whether its server does as the configuration says nobody can ask it.
void note_priorities(const Upstream& upstream, std::vector<std::string>& remarks) {
  if (!upstream.priority_scheduling) return;
  if (!goes_beside_chats(upstream))
    remarks.push_back("upstream '" + upstream.name +
                      "': tasks carry a priority and wait for chats all the same, for it is on this machine "
                      "and its work slows them: \"own_compute\": true says that it does not");
  else
    remarks.push_back("upstream '" + upstream.name +
                      "': tasks do not wait for its chats, for they carry a priority: its server must have "
                      "been started with " +
                      (upstream.engine == Engine::sglang
                           ? "--enable-priority-scheduling --default-priority-value 0, and without "
                             "--schedule-low-priority-values-first"
                           : "--scheduling-policy priority"));
}

// Two names for one thing: each has a health, slots by https, and a budget of its own.
void note_twins(const Config& config, std::vector<std::string>& remarks) {
  std::map<std::string, std::string> called;
  for (const auto& [name, upstream] : config.upstreams) {
    if (upstream.original) continue;
    const std::string path = upstream.service ? upstream.service->path : "";
    const std::string where = upstream.authority + path + " " + upstream.model.value_or("");
    const auto [other, is_new] = called.emplace(where, upstream.called());
    if (!is_new && other->second != upstream.called())
      remarks.push_back("upstreams '" + other->second + "' and '" + upstream.called() +
                        "' are the same model at the same address: each has a budget and a health of its "
                        "own, and where one is passed over the other is asked");
  }
}

}  // namespace

void note_lane_settings(const Rule& rule, std::vector<std::string>& remarks) {
  if (!rule.then.laned) return;
  note_not_tasks(rule, remarks);
  note_interactive(rule, remarks);
  note_ignored(rule, remarks);
  note_no_empty_answer(rule, remarks);
  note_times(rule, remarks);
}

bool goes_beside_chats(const Upstream& upstream) {
  return upstream.priority_scheduling && (upstream.original || upstream.own_compute);
}

void note_upstreams(const Config& config, std::vector<std::string>& remarks) {
  note_twins(config, remarks);
  for (const auto& [name, upstream] : config.upstreams) {
    note_priorities(upstream, remarks);
    if (upstream.slots && upstream.reserve >= *upstream.slots)
      remarks.push_back("upstream '" + name + "' keeps all of its " + std::to_string(*upstream.slots) +
                        " slots for chats: background work uses one all the same");
    if (&upstream == &config.original()) continue;
    const char* setting = upstream.rewarm ? "rewarm" : upstream.prewarm ? "prewarm" : "graft";
    if (!upstream.rewarm && !upstream.prewarm && !upstream.graft) continue;
    remarks.push_back("upstream '" + name + "': " + setting + " without effect: chats go to '" +
                      config.original().name + "', say it there");
  }
}

}  // namespace tasklane
