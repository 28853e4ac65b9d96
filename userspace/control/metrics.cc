#include "userspace/control/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "shaper/count/figure_json.h"

namespace tasklane {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Key = std::pair<RequestClass, std::string>;

constexpr std::array<double, 13> bounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type;
  return made;
}

template <class Number>
requires std::is_arithmetic_v<Number>
void add(MetricFamily& to, Number value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == MetricType::Gauge)
    metric.gauge.value = static_cast<double>(value);
  else
    metric.counter.value = static_cast<double>(value);
  to.metric.push_back(std::move(metric));
}

void add(MetricFamily& to, Duration time, Labels labels) { add(to, seconds_of(time), std::move(labels)); }

void add(MetricFamily& to, const Histogram& from, Labels labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.histogram.sample_count = from.count();
  metric.histogram.sample_sum = seconds_of(from.sum());
  for (const double bound : bounds)
    metric.histogram.bucket.push_back({from.count_up_to(from_seconds(bound)), bound});
  metric.histogram.bucket.push_back({from.count(), std::numeric_limits<double>::infinity()});
  to.metric.push_back(std::move(metric));
}

Labels labels_of(const Key& key) {
  return {{"class", std::string(to_text(key.first))}, {"upstream", key.second}};
}

// An owner of figures, and what tells it from others of its kind.
template <class Owner>
struct Labelled {
  Labels labels;
  const Owner* owner;
};

template <class Owner>
MetricType type_of(const Figure<Owner>& figure) {
  if (std::holds_alternative<Histogram Owner::*>(figure.place)) return MetricType::Histogram;
  return figure.kind == FigureKind::gauge ? MetricType::Gauge : MetricType::Counter;
}

// The family of that name: the last one, or a new one.
MetricFamily& family_in(std::vector<MetricFamily>& families, std::string_view name, std::string_view help,
                        MetricType type) {
  const auto found =
      std::find_if(families.begin(), families.end(), [&](const auto& each) { return each.name == name; });
  if (found != families.end()) return *found;
  return families.emplace_back(family(std::string(name), std::string(help), type));
}

// Each figure with a sample of each owner: in its family, or as an event in that of all.
template <class Owner, std::size_t N>
void add_figures(std::vector<MetricFamily>& families, const std::array<Figure<Owner>, N>& figures,
                 const std::vector<Labelled<Owner>>& owners, const EventFamily& events = {}) {
  for (const Figure<Owner>& figure : figures) {
    const bool event = figure.metric.empty();
    MetricFamily& to = event ? family_in(families, events.name, events.help, MetricType::Counter)
                             : family_in(families, figure.metric, figure.help, type_of(figure));
    for (const auto& [labels, owner] : owners) {
      Labels all = labels;
      if (event) all.push_back({"event", std::string(figure.json)});
      std::visit([&, of = owner](auto place) { add(to, of->*place, all); }, figure.place);
    }
  }
}

// The lanes that have seen something.
std::map<Lane, LaneView> lane_views(const Admission& admission) {
  std::map<Lane, LaneView> views;
  for (const auto& [lane, counters] : admission.counters()) views[lane] = {counters, 0, 0, 0};
  for (const auto& [lane, present] : admission.present()) {
    views[lane].waiting = present.waiting;
    views[lane].running = present.running;
  }
  if (const RewarmCounters& rewarm = admission.rewarm_counters(); rewarm.asked > 0)
    views[Lane::background].rewarmed = rewarm.finished;
  return views;
}

void add_lanes(std::vector<MetricFamily>& families, const Admission& admission) {
  const std::map<Lane, LaneView> views = lane_views(admission);
  std::vector<Labelled<LaneView>> lanes;
  lanes.reserve(views.size());
  for (const auto& [lane, view] : views) lanes.push_back({{{"lane", std::string(to_text(lane))}}, &view});
  add_figures(families, lane_figures, lanes, lane_events);
  add_figures(families, rewarm_figures, {{{}, &admission.rewarm_counters()}}, rewarm_events);
  MetricFamily& slots = families.emplace_back(
      family("tasklane_server_slots", "Requests that a server computes at once", MetricType::Gauge));
  for (const auto& [server, room] : admission.servers()) add(slots, room.slots, {{"server", server}});
}

double units(Money money) { return static_cast<double>(money.picos) * 1e-12; }

void add_upstreams(std::vector<MetricFamily>& families, const std::vector<UpstreamState>& upstreams) {
  if (upstreams.empty()) return;
  MetricFamily up = family("tasklane_upstream_up", "0 while an upstream is passed over", MetricType::Gauge);
  MetricFamily openings =
      family("tasklane_upstream_down_total", "How often an upstream went down", MetricType::Counter);
  MetricFamily paid = family("tasklane_upstream_paid_total", "Paid to an upstream, by its tokens and prices",
                             MetricType::Counter);
  for (const UpstreamState& each : upstreams) {
    const Labels label{{"upstream", each.name}};
    add(up, each.health == "down" ? 0 : 1, label);
    add(openings, each.openings, label);
    if (each.price) add(paid, units(each.paid), label);
  }
  families.push_back(std::move(up));
  families.push_back(std::move(openings));
  if (!paid.metric.empty()) families.push_back(std::move(paid));
}

void add_cut_prompts(std::vector<MetricFamily>& families, const std::vector<CutPromptsState>& cut) {
  if (cut.empty()) return;
  MetricFamily& prompts =
      families.emplace_back(family("tasklane_cut_prompts_total",
                                   "Prompts of which the server has read a part alone", MetricType::Counter));
  for (const CutPromptsState& each : cut)
    add(prompts, each.count, {{"client", each.client}, {"model", each.model}});
}

}  // namespace

std::string prometheus_text(const Statistics& statistics, const SteeringState& steering) {
  std::vector<MetricFamily> families;
  std::vector<Labelled<Row>> rows;
  for (const auto& [key, row] : statistics.rows()) rows.push_back({labels_of(key), &row});
  add_figures(families, row_figures, rows);
  add_figures(families, relay_figures, {{{}, &statistics.relay()}});
  add(families.emplace_back(family("tasklane_bypassed", "1 while bypassed", MetricType::Gauge)),
      steering.bypassed ? 1 : 0);
  add(families.emplace_back(
          family("tasklane_suspended", "1 while new connections pass the agent", MetricType::Gauge)),
      steering.suspended.empty() ? 0 : 1, {{"reason", steering.suspended}});
  add(families.emplace_back(family("tasklane_suspensions_total",
                                   "How often new connections began to pass the agent", MetricType::Counter)),
      steering.suspensions);
  add(families.emplace_back(family("tasklane_loop_late_seconds",
                                   "How late the event loop was at most within the last minute",
                                   MetricType::Gauge)),
      seconds_of(steering.longest_late));
  add(families.emplace_back(
          family("tasklane_max_connections", "Client connections that have room", MetricType::Gauge)),
      steering.max_connections);
  add(families.emplace_back(
          family("tasklane_memory_held_bytes", "Held of requests and answers", MetricType::Gauge)),
      steering.memory_held);
  add(families.emplace_back(family("tasklane_memory_limit_bytes",
                                   "Past it bodies stream through unclassified", MetricType::Gauge)),
      steering.memory_limit);
  if (steering.heartbeat_age)
    add(families.emplace_back(family("tasklane_heartbeat_age_seconds", "Since the agent's last sign of life",
                                     MetricType::Gauge)),
        seconds_of(*steering.heartbeat_age));
  if (!steering.netns.wanted.empty()) {
    add(families.emplace_back(family("tasklane_netns_present",
                                     "1 while the network namespace in which it steers is there",
                                     MetricType::Gauge)),
        steering.netns.now.empty() ? 0 : 1, {{"netns", steering.netns.wanted}});
    add(families.emplace_back(family("tasklane_netns_entered_total",
                                     "How often it was found: at the start, and each time that it came back",
                                     MetricType::Counter)),
        steering.netns.entered);
  }
  MetricFamily& evidence = families.emplace_back(
      family("tasklane_evidence_total", "Requests by what told their class", MetricType::Counter));
  for (const auto& [kind, count] : statistics.evidence())
    add(evidence, count, {{"evidence", std::string(to_text(kind))}});
  MetricFamily& certainty = families.emplace_back(
      family("tasklane_certainty_total", "Requests by how sure it is that nobody waits for them",
             MetricType::Counter));
  for (const auto& [kind, count] : statistics.certainty())
    add(certainty, count, {{"certainty", std::string(to_text(kind))}});
  MetricFamily& verdicts =
      families.emplace_back(family("tasklane_steering_connections_total",
                                   "New connections seen by the kernel program", MetricType::Counter));
  for (const auto& [verdict, count] : steering.connections) add(verdicts, count, {{"verdict", verdict}});
  if (steering.admission != nullptr) add_lanes(families, *steering.admission);
  add_upstreams(families, steering.upstreams);
  add_cut_prompts(families, steering.cut_prompts);
  return prometheus::TextSerializer().Serialize(families);
}

namespace {

nlohmann::json lanes_json(const Admission& admission) {
  nlohmann::json lanes = nlohmann::json::object();
  for (const auto& [lane, view] : lane_views(admission))
    lanes[std::string(to_text(lane))] = figures_json(lane_figures, view);
  nlohmann::json servers = nlohmann::json::object();
  for (const auto& [server, room] : admission.servers())
    servers[server] = {{"slots", room.slots}, {"reserve", room.reserve}};
  return {{"waiting", admission.waiting()},
          {"running", admission.running()},
          {"by_lane", lanes},
          {"servers", servers},
          {"rewarm", figures_json(rewarm_figures, admission.rewarm_counters())}};
}

nlohmann::json upstreams_json(const std::vector<UpstreamState>& upstreams) {
  nlohmann::json all = nlohmann::json::object();
  for (const UpstreamState& each : upstreams) {
    nlohmann::json& one = all[each.name];
    one = {{"health", each.health}, {"went_down", each.openings}};
    if (each.price) one["paid_last_day"] = to_text(each.paid_last_day);
    if (each.price) one["paid"] = to_text(each.paid);
    if (!each.sent_off_host.empty()) one["sent_off_host"] = each.sent_off_host;
  }
  return all;
}

nlohmann::json cut_prompts_json(const std::vector<CutPromptsState>& cut) {
  nlohmann::json all = nlohmann::json::array();
  for (const CutPromptsState& each : cut)
    all.push_back({{"client", each.client},
                   {"model", each.model},
                   {"prompts", each.count},
                   {"sent_tokens_at_least", each.sent_at_least},
                   {"read_tokens", each.read}});
  return all;
}

}  // namespace

nlohmann::json stats_json(const Statistics& statistics, const SteeringState& steering) {
  nlohmann::json json = statistics.to_json();
  json["steering"] = {{"attached", steering.attached},
                      {"bypassed", steering.bypassed},
                      {"suspended", steering.suspended},
                      {"suspensions", steering.suspensions},
                      {"loop_late_seconds", seconds_of(steering.longest_late)},
                      {"stale_after_seconds", seconds_of(steering.stale_after)},
                      {"max_connections", steering.max_connections},
                      {"connections", steering.connections},
                      {"endpoints", steering.endpoints}};
  if (!steering.cut_prompts.empty()) json["cut_prompts"] = cut_prompts_json(steering.cut_prompts);
  if (!steering.netns.wanted.empty())
    json["steering"]["netns"] = {
        {"wanted", steering.netns.wanted}, {"now", steering.netns.now}, {"entered", steering.netns.entered}};
  json["memory"] = {{"held_bytes", steering.memory_held}, {"limit_bytes", steering.memory_limit}};
  if (steering.heartbeat_age) json["steering"]["heartbeat_age_seconds"] = seconds_of(*steering.heartbeat_age);
  if (!steering.upstreams.empty()) json["upstreams"] = upstreams_json(steering.upstreams);
  if (steering.admission != nullptr) json["lanes"] = lanes_json(*steering.admission);
  return json;
}

}  // namespace tasklane
