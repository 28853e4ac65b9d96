#include "tools/observe/replay_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>

#include "shaper/count/lane_counters.h"
#include "tools/observe/picture.h"
#include "tools/observe/printing.h"

namespace tasklane::observe {
namespace {

using Json = nlohmann::ordered_json;

Json percentiles(std::vector<double> values) {
  if (values.empty()) return nullptr;
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) {
    const auto place = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    return rounded(values[std::clamp<std::size_t>(place, 1, values.size()) - 1]);
  };
  double sum = 0;
  for (const double value : values) sum += value;
  return {{"count", values.size()}, {"mean", rounded(sum / static_cast<double>(values.size()))},
          {"p50", at(0.5)},         {"p95", at(0.95)},
          {"p99", at(0.99)},        {"worst", at(1)}};
}

struct Outcomes {
  std::vector<double> ttft, total;
  std::uint64_t answered = 0, without_model = 0, left = 0, cancelled = 0;
};

Json outcomes_json(const Outcomes& outcomes) {
  return {{"answered", outcomes.answered},
          {"without_model", outcomes.without_model},
          {"left", outcomes.left},
          {"cancelled_for_chats", outcomes.cancelled},
          {"ttft_s", percentiles(outcomes.ttft)},
          {"total_s", percentiles(outcomes.total)}};
}

void add(const ObservedRequest& request, Outcomes& outcomes) {
  if (request.answered()) {
    ++outcomes.answered;
    outcomes.total.push_back(seconds_of(*request.ended - request.whole));
  }
  if (request.how == Ending::client_left) ++outcomes.left;
  if (request.first_token && !request.failed)
    outcomes.ttft.push_back(seconds_of(*request.first_token - request.whole));
}

void add(const Fate& fate, Outcomes& outcomes) {
  if (fate.left) ++outcomes.left;
  outcomes.cancelled += fate.cancelled;
  if (!fate.ended || fate.left) return;
  if (fate.without_model) {
    ++outcomes.without_model;
    return;
  }
  ++outcomes.answered;
  outcomes.total.push_back(seconds_of(*fate.ended - fate.arrived));
  if (fate.first_token) outcomes.ttft.push_back(seconds_of(*fate.first_token - fate.arrived));
}

// Where a request's time went, as far as its answer tells.
Json was_spans(const ObservedRequest& request, Time zero) {
  Json spans = Json::array();
  const auto span = [&](const char* kind, Time from, Time to) {
    if (to > from) spans.push_back({kind, rounded(seconds_of(from - zero)), rounded(seconds_of(to - zero))});
  };
  const Time end = *request.ended;
  const Time first = request.first_token.value_or(end);
  const UpstreamFigures& figures = request.figures;
  Time reading = request.whole;
  Time writing = first;
  if (!request.stream && figures.generation_time)
    writing = std::max(request.whole, end - *figures.generation_time);
  if (figures.prompt_time) reading = std::max(request.whole, writing - *figures.prompt_time);
  span("queued", request.whole, reading);
  span("prefill", reading, writing);
  span(request.how == Ending::client_left ? "cancelled" : "decode", writing, end);
  return spans;
}

class Report {
 public:
  explicit Report(const Replayed& replayed) : replayed_(replayed), names_(names_of(replayed.trace)) {
    for (const ObservedRequest& request : replayed.trace.requests) by_id_[request.id] = &request;
    if (!replayed.trace.requests.empty()) zero_ = replayed.trace.requests.front().whole;
  }

  Json json() {
    Json result{{"version", 1}, {"source", replayed_.trace.source}, {"rules", replayed_.rules}};
    Time last = zero_;
    for (const ObservedRequest& request : replayed_.trace.requests) last = std::max(last, *request.ended);
    result["seconds"] = rounded(seconds_of(last - zero_));
    result["replayed"] = replayed_.would.fates.size();
    result["left_out"] = replayed_.trace.requests.size() - replayed_.would.fates.size();
    result["servers"] = servers();
    result["classes"] = classes();
    result["fit"] = fit(result["classes"]);
    result["lanes"] = lanes();
    result["saved"] = saved();
    result["requests"] = requests();
    return result;
  }

 private:
  static ServerNames names_of(const Trace& trace) {
    return ServerNames(std::deque<ObservedRequest>(trace.requests.begin(), trace.requests.end()));
  }

  Json servers() const {
    Json list = Json::array();
    for (const auto& [name, model] : replayed_.servers)
      list.push_back({{"name", names_.of(name)},
                      {"requests", model.requests},
                      {"models", model.models},
                      {"slots", model.engine.slots},
                      {"prefill_rate", rounded(model.engine.prefill_rate)},
                      {"decode_rate", rounded(model.engine.decode_rate)},
                      {"batch", model.engine.batch},
                      {"keeps_earlier_prompts", model.engine.host_cache > 0},
                      {"overhead_s", rounded(seconds_of(model.overhead))},
                      {"bytes_per_token", rounded(model.bytes_per_token)},
                      {"because", model.because}});
    return list;
  }

  Json classes() const {
    std::map<RequestClass, Outcomes> was, simulated, would;
    std::map<RequestClass, std::uint64_t> counts;
    for (const Fate& fate : replayed_.would.fates) {
      const ObservedRequest& request = *by_id_.at(fate.id);
      ++counts[request.request_class()];
      add(request, was[request.request_class()]);
      add(fate, would[request.request_class()]);
    }
    for (const Fate& fate : replayed_.as_it_was.fates)
      add(fate, simulated[by_id_.at(fate.id)->request_class()]);
    Json list = Json::array();
    for (const auto& [request_class, count] : counts)
      list.push_back({{"class", to_text(request_class)},
                      {"requests", count},
                      {"was", outcomes_json(was[request_class])},
                      {"simulated", outcomes_json(simulated[request_class])},
                      {"would", outcomes_json(would[request_class])}});
    return list;
  }

  // What the simulation is worth: chats as they were, simulated and measured.
  static Json fit(const Json& classes) {
    Json fit = Json::object();
    for (const Json& each : classes) {
      if (each["class"] != "chat" || each["was"]["ttft_s"].is_null() || each["simulated"]["ttft_s"].is_null())
        continue;
      for (const char* const which : {"p50", "p95"}) {
        const double was = each["was"]["ttft_s"][which], simulated = each["simulated"]["ttft_s"][which];
        fit[std::string("chat_ttft_") + which] = {
            {"was_s", was},
            {"simulated_s", simulated},
            {"off_by", was > 0 ? Json(rounded(simulated / was - 1)) : Json()}};
      }
    }
    return fit;
  }

  Json lanes() const {
    Json lanes = Json::object();
    for (const auto& [lane, counters] : replayed_.would.lanes) {
      LaneView view;
      static_cast<LaneCounters&>(view) = counters;
      Json json = Json::object();
      for (const auto& figure : lane_figures)
        std::visit(
            [&](auto place) {
              const auto value = view.*place;
              if constexpr (std::is_same_v<std::decay_t<decltype(value)>, Duration>)
                json[std::string(figure.json)] = rounded(seconds_of(value));
              else if constexpr (std::is_integral_v<std::decay_t<decltype(value)>>)
                json[std::string(figure.json)] = value;
            },
            figure.place);
      lanes[std::string(to_text(lane))] = std::move(json);
    }
    return lanes;
  }

  Json saved() const {
    Duration kept{};
    std::uint64_t spared = 0;
    for (const auto& [lane, counters] : replayed_.would.lanes) {
      kept += counters.kept_from_chats;
      spared += counters.prompt_tokens_spared;
    }
    return {{"kept_from_chats_s", rounded(seconds_of(kept))},
            {"prompt_tokens_spared", spared},
            {"computed_tokens_without_rules", replayed_.as_it_was.computed_tokens},
            {"computed_tokens_with_rules", replayed_.would.computed_tokens},
            {"rewarms", replayed_.would.rewarm.finished},
            {"grafted", replayed_.would.grafted}};
  }

  Json requests() {
    std::map<std::uint64_t, std::size_t> conversations;
    Json list = Json::array();
    for (const Fate& fate : replayed_.would.fates) {
      const ObservedRequest& request = *by_id_.at(fate.id);
      Json spans = Json::array();
      for (const Span& span : fate.spans)
        spans.push_back({to_text(span.kind), rounded(seconds_of(span.from.time_since_epoch())),
                         rounded(seconds_of(span.to.time_since_epoch()))});
      const auto after = [](Time from, const std::optional<Time>& to) {
        return to ? Json(rounded(seconds_of(*to - from))) : Json();
      };
      list.push_back(
          {{"id", fate.id},
           {"class", to_text(request.request_class())},
           {"lane", to_text(lane_of(request, fate))},
           {"model", request.model},
           {"prompt_tokens", request.figures.prompt_tokens ? Json(*request.figures.prompt_tokens) : Json()},
           {"generated_tokens",
            request.figures.generated_tokens ? Json(*request.figures.generated_tokens) : Json()},
           {"was",
            {{"at_s", rounded(seconds_of(request.whole - zero_))},
             {"ttft_s", after(request.whole, request.first_token)},
             {"total_s", after(request.whole, request.ended)},
             {"server", names_.of(request.server)},
             {"left", request.how == Ending::client_left},
             {"spans", was_spans(request, zero_)},
             {"why", why_was(request)}}},
           {"would",
            {{"at_s", rounded(seconds_of(fate.arrived.time_since_epoch()))},
             {"ttft_s", after(fate.arrived, fate.first_token)},
             {"total_s", after(fate.arrived, fate.ended)},
             {"server", fate.server.empty() ? Json() : Json(fate.server)},
             {"without_model", fate.without_model},
             {"left", fate.left},
             {"cancelled", fate.cancelled},
             {"spans", std::move(spans)},
             {"why", why_would(request, fate)}}}});
    }
    return list;
  }

  static Lane lane_of(const ObservedRequest& request, const Fate& fate) {
    return fate.lane == Lane::interactive ? default_lane(request.request_class()) : fate.lane;
  }

  std::string named(RequestId id) const {
    const auto found = by_id_.find(id);
    return (found == by_id_.end() ? std::string("request")
                                  : std::string(to_text(found->second->request_class()))) +
           " " + std::to_string(id);
  }

  // Of a chat or task, in words.
  std::string why_was(const ObservedRequest& request) const {
    std::string text;
    if (request.first_token)
      text = printed("first token after %.2f s", seconds_of(*request.first_token - request.whole));
    if (request.waits.behind_tasks > Duration{}) {
      text += printed(", of which up to %.2f s behind ", seconds_of(request.waits.behind_tasks));
      const char* between = "";
      for (const WaitedFor& task : request.waits.tasks) {
        text += between + named(task.id);
        between = ", ";
      }
      if (request.waits.tasks.empty()) text += "tasks";
    }
    if (request.prefix && request.prefix->reused && request.prefix->earlier != 0)
      text += printed("; %.0f %% of its prompt came from the cache", 100 * *request.prefix->reused);
    if (request.how == Ending::client_left) text += "; its client left";
    return text;
  }

  std::string why_would(const ObservedRequest& request, const Fate& fate) const {
    std::map<SpanKind, double> times;
    for (const Span& span : fate.spans) times[span.kind] += seconds_of(span.to - span.from);
    if (fate.without_model)
      return printed("answered without a model after %.2f s",
                     fate.ended ? seconds_of(*fate.ended - fate.arrived) : 0.0);
    std::string text;
    if (is_task(request.request_class())) {
      text = printed("held for %.2f s", times[SpanKind::held]);
      if (fate.cancelled > 0) text += ", stopped " + std::to_string(fate.cancelled) + " times for a chat";
      if (fate.ended) text += printed(", answered after %.2f s", seconds_of(*fate.ended - fate.arrived));
    } else {
      if (fate.first_token)
        text = printed("first token after %.2f s", seconds_of(*fate.first_token - fate.arrived));
      if (times[SpanKind::queued] > 0.005)
        text += printed(": %.2f s in the server's queue", times[SpanKind::queued]);
      if (times[SpanKind::prefill] > 0.005)
        text += printed(
            times[SpanKind::queued] > 0.005 ? ", %.2f s to read its prompt" : ": %.2f s to read its prompt",
            times[SpanKind::prefill]);
      const char* between = "; at the server before it: ";
      for (const auto& [id, together] : fate.behind) {
        text += between + named(id) + printed(" (%.2f s)", seconds_of(together));
        between = ", ";
      }
      if (fate.behind.empty()) text += "; no task was in its way";
    }
    if (fate.left) text += "; its client left";
    return text;
  }

  const Replayed& replayed_;
  ServerNames names_;
  std::map<RequestId, const ObservedRequest*> by_id_;
  Time zero_{};
};

std::string cell(const Json& from, const char* which) {
  if (from.is_null()) return "-";
  return printed(from.at(which).get<double>() < 100 ? "%.2f" : "%.0f", from.at(which).get<double>());
}

}  // namespace

Json replay_json(const Replayed& replayed) { return Report(replayed).json(); }

std::string replay_table(const Json& report) {
  std::string out = printed("%.0f s", report["seconds"].get<double>()) + " of " +
                    report["source"].get<std::string>() + ", " +
                    std::to_string(report["replayed"].get<std::size_t>()) + " requests, by the rules of " +
                    report["rules"].get<std::string>() + "\n\n";
  char line[240];
  std::snprintf(line, sizeof line, "%-15s %8s | %-22s | %-22s | %-22s\n", "seconds", "",
                "to the first token: was", "with these rules", "with them, in all");
  out += line;
  std::snprintf(line, sizeof line, "%-15s %8s | %6s %7s %7s | %6s %7s %7s | %6s %7s %7s\n", "class",
                "requests", "p50", "p95", "worst", "p50", "p95", "worst", "came", "empty", "p50");
  out += line;
  for (const Json& each : report["classes"]) {
    const Json& was = each["was"];
    const Json& would = each["would"];
    std::snprintf(line, sizeof line, "%-15s %8llu | %6s %7s %7s | %6s %7s %7s | %6llu %7llu %7s\n",
                  each["class"].get<std::string>().c_str(), each["requests"].get<unsigned long long>(),
                  cell(was["ttft_s"], "p50").c_str(), cell(was["ttft_s"], "p95").c_str(),
                  cell(was["ttft_s"], "worst").c_str(), cell(would["ttft_s"], "p50").c_str(),
                  cell(would["ttft_s"], "p95").c_str(), cell(would["ttft_s"], "worst").c_str(),
                  would["answered"].get<unsigned long long>(),
                  would["without_model"].get<unsigned long long>(), cell(would["total_s"], "p50").c_str());
    out += line;
  }
  const Json& saved = report["saved"];
  std::snprintf(
      line, sizeof line,
      "\n%.1f s of task work kept from running beside chats, %llu prompt tokens that no model had to read\n",
      saved["kept_from_chats_s"].get<double>(), saved["prompt_tokens_spared"].get<unsigned long long>());
  out += line;
  for (const Json& server : report["servers"]) {
    std::snprintf(line, sizeof line, "server %s: %llu slots, reads %.0f and writes %.1f tokens/s, %s\n",
                  server["name"].get<std::string>().c_str(), server["slots"].get<unsigned long long>(),
                  server["prefill_rate"].get<double>(), server["decode_rate"].get<double>(),
                  server["keeps_earlier_prompts"].get<bool>() ? "keeps earlier prompts"
                                                              : "keeps the last prompts alone");
    out += line;
  }
  if (const auto fit = report["fit"].find("chat_ttft_p95"); fit != report["fit"].end()) {
    std::snprintf(line, sizeof line,
                  "the simulation, held against what was: chats' first token p95 %.2f s, measured %.2f s\n",
                  (*fit)["simulated_s"].get<double>(), (*fit)["was_s"].get<double>());
    out += line;
  }
  return out;
}

std::string replay_page(const Json& report) {
  static constexpr std::string_view page =
#include "replay_page.inc"
      ;
  constexpr std::string_view place = "/*THE DATA*/null";
  std::string data = report.dump(-1, ' ', true, Json::error_handler_t::replace);
  // In a script no text may end it.
  for (std::size_t at = data.find('<'); at != std::string::npos; at = data.find('<', at + 1))
    data.replace(at, 1, "\\u003c");
  const std::size_t at = page.find(place);
  return std::string(page.substr(0, at)) + data + std::string(page.substr(at + place.size()));
}

}  // namespace tasklane::observe
