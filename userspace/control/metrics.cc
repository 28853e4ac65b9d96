#include "userspace/control/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <limits>
#include <type_traits>
#include <utility>

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

template <class Owner>
struct Counter {
  const char* name;
  const char* help;
  std::uint64_t Owner::*value;
};

constexpr std::array<Counter<Row>, 8> row_counters{{
    {"tasklane_requests_total", "Requests begun", &Row::requests},
    {"tasklane_answered_total", "Requests answered to their end", &Row::answered},
    {"tasklane_redirected_total", "Requests sent to another upstream than the original", &Row::redirected},
    {"tasklane_failed_over_total", "Requests handed over to the next upstream", &Row::failed_over},
    {"tasklane_client_gone_total", "Requests whose client left", &Row::client_gone},
    {"tasklane_failed_total", "Requests that failed", &Row::failed},
    {"tasklane_upstream_bytes_total", "Bytes sent to upstreams", &Row::bytes_up},
    {"tasklane_client_bytes_total", "Bytes sent to clients", &Row::bytes_down},
}};

constexpr std::array<Counter<RelayCounters>, 11> relay_counters{{
    {"tasklane_connections_total", "Client connections accepted", &RelayCounters::connections},
    {"tasklane_tunnels_total", "Connections passed on unread", &RelayCounters::tunnels},
    {"tasklane_refused_requests_total", "Requests refused for ambiguous framing",
     &RelayCounters::refused_requests},
    {"tasklane_over_limit_total", "Requests and connections over a limit", &RelayCounters::over_limit},
    {"tasklane_unclassified_large_total", "Bodies past max_body", &RelayCounters::unclassified_large},
    {"tasklane_constraint_refused_total", "Answers 400 to a task's constraints, asked again with fewer",
     &RelayCounters::constraint_refused},
    {"tasklane_gave_way_total", "Requests that went as chats and were shown to be tasks by their chats",
     &RelayCounters::gave_way},
    {"tasklane_json_answers_total", "Models' answers to tasks that want a JSON object",
     &RelayCounters::json_answers},
    {"tasklane_json_unreadable_total", "Of them those without it, which the front end cannot read",
     &RelayCounters::json_unreadable},
    {"tasklane_upstream_reconnects_total", "Kept upstream connections found closed",
     &RelayCounters::upstream_reconnects},
    {"tasklane_task_shaped_unrecognised_total", "Requests shaped like a task, taken for a chat",
     &RelayCounters::task_shaped_unrecognised},
}};

constexpr std::array<std::pair<std::string_view, std::uint64_t LaneCounters::*>, 15> lane_events{{
    {"arrived", &LaneCounters::arrived},
    {"started", &LaneCounters::started},
    {"finished", &LaneCounters::finished},
    {"pre_empted", &LaneCounters::pre_empted},
    {"sliced", &LaneCounters::sliced},
    {"superseded", &LaneCounters::superseded},
    {"type_ahead", &LaneCounters::type_ahead},
    {"coalesced", &LaneCounters::coalesced},
    {"cached", &LaneCounters::cached},
    {"expired", &LaneCounters::expired},
    {"answered_empty", &LaneCounters::answered_empty},
    {"over_share", &LaneCounters::over_share},
    {"rejected", &LaneCounters::rejected},
    {"overdue", &LaneCounters::overdue},
    {"client_gone", &LaneCounters::client_gone},
}};

struct LaneView {
  LaneCounters counters;
  LanePresence present;
  std::uint64_t rewarmed = 0;  // Tasklane's own work, in the background
};

// The lanes that have seen something.
std::map<Lane, LaneView> lane_views(const Admission& admission) {
  std::map<Lane, LaneView> views;
  for (const auto& [lane, counters] : admission.counters()) views[lane].counters = counters;
  for (const auto& [lane, present] : admission.present()) views[lane].present = present;
  if (const RewarmCounters& rewarm = admission.rewarm_counters(); rewarm.asked > 0)
    views[Lane::background].rewarmed = rewarm.finished;
  return views;
}

struct LaneFamilies {
  MetricFamily events =
      family("tasklane_lane_events_total", "What became of requests in their lanes", MetricType::Counter);
  MetricFamily waiting =
      family("tasklane_lane_waiting", "Requests that wait for their turn", MetricType::Gauge);
  MetricFamily running =
      family("tasklane_lane_running", "Requests that a server computes", MetricType::Gauge);
  MetricFamily held = family("tasklane_lane_held_seconds_total", "Time that requests waited for their turn",
                             MetricType::Counter);
  MetricFamily longest = family("tasklane_lane_longest_held_seconds",
                                "The longest time that a request waited for its turn", MetricType::Gauge);
  MetricFamily kept = family("tasklane_kept_from_chats_seconds_total",
                             "Work of tasks that would have run beside a chat", MetricType::Counter);
  MetricFamily spared = family("tasklane_prompt_tokens_spared_total",
                               "Estimated prompt tokens that no server had to read", MetricType::Counter);

  void add_lane(const std::string& name, const LaneView& view) {
    const LaneCounters& c = view.counters;
    const auto event = [&](std::string_view what, std::uint64_t count) {
      add(events, count, {{"lane", name}, {"event", std::string(what)}});
    };
    for (const auto& [what, value] : lane_events) event(what, c.*value);
    event("rewarmed", view.rewarmed);
    add(waiting, view.present.waiting, {{"lane", name}});
    add(running, view.present.running, {{"lane", name}});
    add(held, seconds_of(c.held), {{"lane", name}});
    add(longest, seconds_of(c.longest_held), {{"lane", name}});
    add(kept, seconds_of(c.kept_from_chats), {{"lane", name}});
    add(spared, c.prompt_tokens_spared, {{"lane", name}});
  }
};

void add_lanes(std::vector<MetricFamily>& families, const Admission& admission) {
  LaneFamilies made;
  for (const auto& [lane, view] : lane_views(admission)) made.add_lane(std::string(to_text(lane)), view);
  for (MetricFamily* each :
       {&made.events, &made.waiting, &made.running, &made.held, &made.longest, &made.kept, &made.spared})
    families.push_back(std::move(*each));
  MetricFamily& rewarms = families.emplace_back(
      family("tasklane_rewarms_total", "Requests that kept a chat's prompt cached", MetricType::Counter));
  const RewarmCounters& rewarm = admission.rewarm_counters();
  add(rewarms, rewarm.asked, {{"event", "asked"}});
  add(rewarms, rewarm.finished, {{"event", "finished"}});
  add(rewarms, rewarm.gave_way, {{"event", "gave_way"}});
  MetricFamily& slots = families.emplace_back(
      family("tasklane_server_slots", "Requests that a server computes at once", MetricType::Gauge));
  for (const auto& [server, room] : admission.servers()) add(slots, room.slots, {{"server", server}});
}

void add_rows(std::vector<MetricFamily>& families, const Statistics& statistics) {
  for (const auto& counter : row_counters) {
    MetricFamily& made = families.emplace_back(family(counter.name, counter.help, MetricType::Counter));
    for (const auto& [key, row] : statistics.rows()) add(made, row.*counter.value, labels_of(key));
  }
  auto in_flight = family("tasklane_requests_in_flight", "Requests under way", MetricType::Gauge);
  auto ttft = family("tasklane_ttft_seconds", "From the complete request to the answer's first byte",
                     MetricType::Histogram);
  auto total = family("tasklane_request_seconds", "From the complete request to the answer's end",
                      MetricType::Histogram);
  for (const auto& [key, row] : statistics.rows()) {
    add(in_flight, row.in_flight, labels_of(key));
    add(ttft, row.ttft, labels_of(key));
    add(total, row.total, labels_of(key));
  }
  for (MetricFamily* made : {&in_flight, &ttft, &total}) families.push_back(std::move(*made));
}

}  // namespace

std::string prometheus_text(const Statistics& statistics, const SteeringState& steering) {
  std::vector<MetricFamily> families;
  add_rows(families, statistics);
  for (const auto& counter : relay_counters)
    add(families.emplace_back(family(counter.name, counter.help, MetricType::Counter)),
        statistics.relay().*counter.value);
  add(families.emplace_back(
          family("tasklane_open_connections", "Client connections open", MetricType::Gauge)),
      statistics.relay().open_connections);
  add(families.emplace_back(family("tasklane_bypassed", "1 while bypassed", MetricType::Gauge)),
      steering.bypassed ? 1 : 0);
  if (steering.heartbeat_age)
    add(families.emplace_back(family("tasklane_heartbeat_age_seconds", "Since the agent's last sign of life",
                                     MetricType::Gauge)),
        seconds_of(*steering.heartbeat_age));
  MetricFamily& evidence = families.emplace_back(
      family("tasklane_evidence_total", "Requests by what told their class", MetricType::Counter));
  for (const auto& [kind, count] : statistics.evidence())
    add(evidence, count, {{"evidence", std::string(to_text(kind))}});
  MetricFamily& verdicts =
      families.emplace_back(family("tasklane_steering_connections_total",
                                   "New connections seen by the kernel program", MetricType::Counter));
  for (const auto& [verdict, count] : steering.connections) add(verdicts, count, {{"verdict", verdict}});
  if (steering.admission != nullptr) add_lanes(families, *steering.admission);
  return prometheus::TextSerializer().Serialize(families);
}

namespace {

nlohmann::json lane_json(const LaneView& view) {
  const LaneCounters& c = view.counters;
  nlohmann::json json{{"waiting", view.present.waiting}, {"running", view.present.running}};
  for (const auto& [name, value] : lane_events) json[std::string(name)] = c.*value;
  json["rewarmed"] = view.rewarmed;
  json["held_seconds"] = seconds_of(c.held);
  json["longest_held_seconds"] = seconds_of(c.longest_held);
  json["kept_from_chats_seconds"] = seconds_of(c.kept_from_chats);
  json["prompt_tokens_spared"] = c.prompt_tokens_spared;
  return json;
}

nlohmann::json lanes_json(const Admission& admission) {
  nlohmann::json lanes = nlohmann::json::object();
  for (const auto& [lane, view] : lane_views(admission)) lanes[std::string(to_text(lane))] = lane_json(view);
  nlohmann::json servers = nlohmann::json::object();
  for (const auto& [server, room] : admission.servers())
    servers[server] = {{"slots", room.slots}, {"reserve", room.reserve}};
  const RewarmCounters& rewarm = admission.rewarm_counters();
  return {
      {"waiting", admission.waiting()},
      {"running", admission.running()},
      {"by_lane", lanes},
      {"servers", servers},
      {"rewarm", {{"asked", rewarm.asked}, {"finished", rewarm.finished}, {"gave_way", rewarm.gave_way}}}};
}

}  // namespace

nlohmann::json stats_json(const Statistics& statistics, const SteeringState& steering) {
  nlohmann::json json = statistics.to_json();
  json["steering"] = {{"attached", steering.attached},
                      {"bypassed", steering.bypassed},
                      {"connections", steering.connections},
                      {"endpoints", steering.endpoints}};
  if (steering.heartbeat_age) json["steering"]["heartbeat_age_seconds"] = seconds_of(*steering.heartbeat_age);
  if (steering.admission != nullptr) json["lanes"] = lanes_json(*steering.admission);
  return json;
}

}  // namespace tasklane
