#include <cstdio>

#include "shaper/count/figure_json.h"
#include "tools/observe/picture.h"
#include "tools/observe/printing.h"

namespace tasklane::observe {
namespace {

using Json = nlohmann::ordered_json;

Json seconds(std::optional<Duration> time) { return time ? Json(rounded(seconds_of(*time))) : Json(); }
Json between(Time from, std::optional<Time> to) { return to ? seconds(*to - from) : Json(); }
Json number(std::optional<std::uint64_t> count) { return count ? Json(*count) : Json(); }

std::string hex(std::uint64_t value) {
  if (value == 0) return "";
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

Json hash(std::uint64_t value) { return value == 0 ? Json() : Json(hex(value)); }

const char* words(Ending how) {
  switch (how) {
    case Ending::whole:
      return "whole";
    case Ending::cut:
      return "cut";
    case Ending::client_left:
      return "client_left";
    case Ending::gap:
      return "gap";
    case Ending::not_seen:
      return "not_seen";
  }
  return "";
}

Json waits_json(const Waits& waits) {
  Json tasks = Json::array();
  for (const WaitedFor& each : waits.tasks)
    tasks.push_back(
        {{"id", each.id}, {"class", to_text(each.request_class)}, {"together_s", seconds(each.together)}});
  return {{"behind_tasks_s", seconds(waits.behind_tasks)}, {"tasks", tasks}};
}

Json prefix_json(const PrefixFinding& finding) {
  Json json{{"could_reuse", rounded(finding.could_reuse)},
            {"reused", finding.reused ? Json(rounded(*finding.reused)) : Json()},
            {"told_by_server", finding.told},
            {"fell_out", finding.fell_out}};
  if (finding.earlier == 0) return json;
  json["turn_before"] = finding.earlier;
  json["messages_before"] = finding.parts;
  json["unchanged"] = finding.same;
  json["first_changed"] = finding.changed ? Json(to_text(*finding.changed)) : Json();
  json["between"] = Json::array();
  for (const RequestClass each : finding.between) json["between"].push_back(to_text(each));
  return json;
}

Json class_json(RequestClass request_class, const ClassPicture& picture) {
  return {{"class", to_text(request_class)},
          {"requests", picture.requests},
          {"answered", picture.answered},
          {"client_left", picture.client_left},
          {"failed", picture.failed},
          {"gaps", picture.gaps},
          {"not_seen", picture.not_seen},
          {"in_flight", picture.in_flight},
          {"most_at_once", picture.most_at_once},
          {"bytes_up", picture.bytes_up},
          {"bytes_down", picture.bytes_down},
          {"prompt_tokens", picture.prompt_tokens},
          {"cached_tokens", picture.cached_tokens},
          {"generated_tokens", picture.generated_tokens},
          {"answers_with_tokens", picture.told_tokens},
          {"ttft_ms", json_of(picture.ttft)},
          {"total_ms", json_of(picture.total)}};
}

Json capture_json(const Observation& observation, const Source& source) {
  const FrameCounts& frames = observation.frames();
  const ReassemblyCounts& streams = observation.streams();
  const HttpCounts& http = observation.http();
  const Time began = observation.began().value_or(Time{});
  return {{"source", source.name},
          {"live", source.live},
          {"began", rounded(seconds_of(began.time_since_epoch()))},
          {"seconds", seconds(observation.lasted())},
          {"packets", frames.packets},
          {"bytes", frames.bytes},
          {"lost", source.lost},
          {"cut_short", source.cut_short.empty() ? Json() : Json(source.cut_short)},
          {"tcp", frames.tcp},
          {"other_protocol", frames.other_protocol},
          {"fragments", frames.fragments},
          {"malformed", frames.malformed},
          {"connections", streams.flows},
          {"begun_in_the_middle", streams.begun_in_the_middle},
          {"mirrored", streams.mirrored},
          {"out_of_order", streams.out_of_order},
          {"again", streams.again},
          {"overlaps", streams.overlaps},
          {"keep_alives", streams.keep_alives},
          {"gaps", streams.gaps},
          {"gap_bytes", streams.gap_bytes},
          {"resets", streams.resets},
          {"forgotten_for_room", streams.forgotten_for_room},
          {"not_http", http.not_http},
          {"requests_given_up", http.requests_given_up},
          {"answers_given_up", http.answers_given_up},
          {"answers_without_request", http.answers_without_request}};
}

Json prefix_picture_json(const PrefixPicture& prefix) {
  Json changed = Json::object();
  for (const auto& [role, count] : prefix.first_changed) changed[std::string(to_text(role))] = count;
  const auto share = [&](double sum) {
    return prefix.known == 0 ? Json() : Json(rounded(sum / static_cast<double>(prefix.known)));
  };
  return {{"later_turns", prefix.turns},
          {"changed", prefix.changed},
          {"first_changed", changed},
          {"fell_out", prefix.fell_out},
          {"could_reuse", share(prefix.could_reuse)},
          {"reused", share(prefix.reused)}};
}

}  // namespace

ServerNames::ServerNames(const std::deque<ObservedRequest>& requests) {
  std::map<std::uint16_t, unsigned> on_port;
  for (const ObservedRequest& request : requests) {
    const auto [found, is_new] = names_.try_emplace(request.server);
    if (!is_new) continue;
    const unsigned count = ++on_port[request.server.port];
    found->second =
        std::to_string(request.server.port) + (count > 1 ? " (" + std::to_string(count) + ")" : "");
  }
}

std::string ServerNames::of(const SocketName& server) const {
  const auto found = names_.find(server);
  return found == names_.end() ? std::to_string(server.port) : found->second;
}

Json request_json(const ObservedRequest& request, const ServerNames& servers) {
  const UpstreamFigures& figures = request.figures;
  Json json{{"id", request.id},
            {"class", to_text(request.request_class())},
            {"lane", to_text(default_lane(request.request_class()))},
            {"evidence", to_text(request.found.evidence)},
            {"certainty", to_text(request.found.certainty)},
            {"server", servers.of(request.server)},
            {"path", request.path},
            {"model", request.model},
            {"stream", request.stream},
            {"begun", rounded(seconds_of(request.begun.time_since_epoch()))},
            {"at", rounded(seconds_of(request.whole.time_since_epoch()))},
            {"first_byte_s", between(request.whole, request.first_byte)},
            {"ttft_s", between(request.whole, request.first_token)},
            {"total_s", between(request.whole, request.ended)},
            {"ended", request.done() ? Json(words(request.how)) : Json()},
            {"status", request.status == 0 ? Json() : Json(request.status)},
            {"failed", request.failed},
            {"bytes_up", request.bytes_up},
            {"bytes_down", request.bytes_down},
            {"prompt_tokens", number(figures.prompt_tokens)},
            {"cached_tokens", number(figures.cached_tokens)},
            {"computed_tokens", number(figures.computed_tokens)},
            {"generated_tokens", number(figures.generated_tokens)},
            {"prompt_s", seconds(figures.prompt_time)},
            {"generation_s", seconds(figures.generation_time)},
            {"load_s", seconds(figures.load_time)},
            {"tenant", hash(request.found.tenant.value())},
            {"conversation", hash(request.found.chat.value())}};
  if (!request.waits.tasks.empty()) json["waited"] = waits_json(request.waits);
  if (request.prefix) json["prefix"] = prefix_json(*request.prefix);
  return json;
}

Json picture_json(const Observation& observation, const Source& source) {
  const Observer& observer = observation.observer();
  Json json{{"version", 1}, {"capture", capture_json(observation, source)}};
  json["classes"] = Json::array();
  for (const auto& [request_class, picture] : observer.classes())
    if (picture.requests > 0) json["classes"].push_back(class_json(request_class, picture));
  json["most_at_once"] = observer.most_at_once();
  Json by_class = Json::object();
  for (const auto& [request_class, wait] : observer.waits())
    by_class[std::string(to_text(request_class))] = {
        {"chats", wait.chats}, {"together_s", seconds(wait.together)}, {"longest_s", seconds(wait.longest)}};
  json["waits"] = {{"chats_that_waited", observer.chats_that_waited()},
                   {"behind_tasks_s", seconds(observer.chats_waited())},
                   {"by_class", by_class}};
  json["prefix"] = prefix_picture_json(observer.prefix());
  const ServerNames servers(observer.requests());
  json["forgotten_requests"] = observer.forgotten();
  json["requests"] = Json::array();
  for (const ObservedRequest& request : observer.requests())
    json["requests"].push_back(request_json(request, servers));
  return json;
}

}  // namespace tasklane::observe
