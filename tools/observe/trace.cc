#include "tools/observe/trace.h"

#include <fstream>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "tools/observe/capture.h"
#include "tools/observe/secret.h"

namespace tasklane::observe {
namespace {

using Json = nlohmann::ordered_json;

constexpr int version = 1;

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}
Json count_of(const std::optional<Duration>& time) { return time ? Json(time->count()) : Json(); }
Json since(Time zero, const std::optional<Time>& time) {
  return time ? Json((*time - zero).count()) : Json();
}

template <class Value>
std::optional<Value> value_at(const Json& line, const char* key) {
  const auto found = line.find(key);
  if (found == line.end() || found->is_null()) return std::nullopt;
  return found->get<Value>();
}
std::optional<Duration> time_at(const Json& line, const char* key) {
  const auto value = value_at<std::int64_t>(line, key);
  return value ? std::optional(Duration(*value)) : std::nullopt;
}

Json parts_json(const PromptPrint& print) {
  Json parts = Json::array();
  for (const PromptPart& part : print.parts)
    parts.push_back({static_cast<int>(part.role), part.bytes, part.hash, part.blocks});
  return parts;
}

Json quotes_json(const std::vector<QuotedLine>& quotes) {
  Json lines = Json::array();
  for (const QuotedLine& each : quotes) lines.push_back({each.by_person, each.at, each.bytes, each.hash});
  return lines;
}

Json tasks_json(const Waits& waits) {
  Json tasks = Json::array();
  for (const WaitedFor& each : waits.tasks) tasks.push_back({each.id, each.together.count()});
  return tasks;
}

PromptPrint parts_from(const Json& json) {
  PromptPrint print;
  for (const Json& each : json) {
    PromptPart part;
    const int role = each.at(0).get<int>();
    if (role < 0 || role > static_cast<int>(PartRole::other)) throw std::invalid_argument("no role");
    part.role = static_cast<PartRole>(role);
    part.bytes = each.at(1).get<std::uint32_t>();
    part.hash = each.at(2).get<std::uint64_t>();
    part.blocks = each.at(3).get<std::vector<std::uint32_t>>();
    constexpr std::uint32_t most = 64U << 20U;
    if (part.bytes > most || part.blocks.size() > part.bytes / PromptPrint::shortest_block + 1)
      throw std::invalid_argument("more blocks than bytes");
    print.bytes += part.bytes;
    print.parts.push_back(std::move(part));
  }
  return print;
}

std::vector<QuotedLine> quotes_from(const Json& json, const PromptPrint& print) {
  std::size_t bytes = 0;  // of the last message of the person's
  for (const PromptPart& part : print.parts)
    if (part.role == PartRole::user) bytes = part.bytes;
  std::vector<QuotedLine> quotes;
  std::size_t behind = 0;
  for (const Json& each : json) {
    const QuotedLine line{each.at(0).get<bool>(), each.at(1).get<std::uint32_t>(),
                          each.at(2).get<std::uint32_t>(), each.at(3).get<std::uint64_t>()};
    if (line.at < behind || end_of(line) > bytes)
      throw std::invalid_argument("a quote outside of its prompt");
    behind = end_of(line);
    quotes.push_back(line);
  }
  return quotes;
}

Json line_of(const ObservedRequest& request, Time zero, std::size_t server) {
  const Classification& found = request.found;
  const UpstreamFigures& figures = request.figures;
  return {{"id", request.id},
          {"class", to_text(request.request_class())},
          {"certainty", static_cast<int>(found.certainty)},
          {"evidence", static_cast<int>(found.evidence)},
          {"task_shaped", found.task_shaped},
          {"begun", (request.begun - zero).count()},
          {"whole", (request.whole - zero).count()},
          {"first_byte", since(zero, request.first_byte)},
          {"first_token", since(zero, request.first_token)},
          {"ended", since(zero, request.ended)},
          {"how", static_cast<int>(request.how)},
          {"status", request.status},
          {"failed", request.failed},
          {"server", server},
          {"port", request.server.port},
          {"path", request.path},
          {"model", request.model},
          {"stream", request.stream},
          {"format", request.has_format},
          {"limit", or_null(request.token_limit)},
          {"up", request.bytes_up},
          {"down", request.bytes_down},
          {"prompt", or_null(figures.prompt_tokens)},
          {"cached", or_null(figures.cached_tokens)},
          {"computed", or_null(figures.computed_tokens)},
          {"generated", or_null(figures.generated_tokens)},
          {"prompt_time", count_of(figures.prompt_time)},
          {"generation_time", count_of(figures.generation_time)},
          {"load_time", count_of(figures.load_time)},
          {"tenant", found.tenant.value()},
          {"typist", found.typist.value()},
          {"typist_by", static_cast<int>(found.typist_by)},
          {"editor", found.editor.value()},
          {"newcomer", found.newcomer.value()},
          {"options", request.load_options},
          {"typed", {request.typed.bytes, request.typed.goes_on_from}},
          {"behind_tasks", request.waits.behind_tasks.count()},
          {"tasks", tasks_json(request.waits)},
          {"turn_before", request.prefix ? request.prefix->earlier : 0},
          {"could_reuse", request.prefix ? request.prefix->could_reuse : 0.0},
          {"reused", request.prefix ? or_null(request.prefix->reused) : Json()},
          {"between", request.prefix ? request.prefix->between.size() : 0},
          {"parts", parts_json(request.prompt)},
          {"quotes", quotes_json(request.quotes)}};
}

template <class Enum>
Enum enum_at(const Json& line, const char* key, Enum last) {
  const int value = line.at(key).get<int>();
  if (value < 0 || value > static_cast<int>(last))
    throw std::invalid_argument(std::string(key) + ": no such value");
  return static_cast<Enum>(value);
}

void read_times(const Json& line, ObservedRequest& request) {
  request.begun = Time(Duration(line.at("begun").get<std::int64_t>()));
  request.whole = Time(Duration(line.at("whole").get<std::int64_t>()));
  const auto moment = [&](const char* key) {
    const auto time = time_at(line, key);
    return time ? std::optional(Time(*time)) : std::nullopt;
  };
  request.first_byte = moment("first_byte");
  request.first_token = moment("first_token");
  request.ended = moment("ended");
  constexpr Duration longest = std::chrono::hours(24 * 366);
  if (request.whole.time_since_epoch() < Duration{} || request.whole.time_since_epoch() > longest)
    throw std::invalid_argument("whole: no time within a year");
}

ObservedRequest request_from(const Json& line) {
  ObservedRequest request;
  request.id = line.at("id").get<std::uint64_t>();
  const auto request_class = request_class_from(line.at("class").get<std::string>());
  if (!request_class) throw std::invalid_argument("class: no such class");
  Classification& found = request.found;
  found.request_class = *request_class;
  found.certainty = enum_at(line, "certainty", Certainty::named);
  found.evidence = enum_at(line, "evidence", Evidence::echo);
  found.task_shaped = line.at("task_shaped").get<bool>();
  found.tenant = Tenant(line.at("tenant").get<std::uint64_t>());
  found.typist = Typist(line.at("typist").get<std::uint64_t>());
  found.typist_by = enum_at(line, "typist_by", TypistEvidence::header);
  found.editor = Editor(line.at("editor").get<std::uint64_t>());
  found.newcomer = Typist(line.at("newcomer").get<std::uint64_t>());
  read_times(line, request);
  request.how = enum_at(line, "how", Ending::not_seen);
  request.status = line.at("status").get<int>();
  request.failed = line.at("failed").get<bool>();
  const auto server = line.at("server").get<std::uint32_t>();
  request.server.address = IpBytes{};
  for (std::size_t i = 0; i < 4; ++i)
    request.server.address[12 + i] = static_cast<std::uint8_t>(server >> (24 - 8 * i));
  request.server.port = line.at("port").get<std::uint16_t>();
  request.path = line.at("path").get<std::string>();
  request.endpoint =
      endpoint_of(request.bytes_up > 0 || !request.path.empty() ? "POST" : "GET", request.path);
  request.model = line.at("model").get<std::string>();
  request.stream = line.at("stream").get<bool>();
  request.has_format = line.at("format").get<bool>();
  request.token_limit = value_at<double>(line, "limit");
  request.bytes_up = line.at("up").get<std::uint64_t>();
  request.bytes_down = line.at("down").get<std::uint64_t>();
  UpstreamFigures& figures = request.figures;
  figures.prompt_tokens = value_at<std::uint64_t>(line, "prompt");
  figures.cached_tokens = value_at<std::uint64_t>(line, "cached");
  figures.computed_tokens = value_at<std::uint64_t>(line, "computed");
  figures.generated_tokens = value_at<std::uint64_t>(line, "generated");
  figures.prompt_time = time_at(line, "prompt_time");
  figures.generation_time = time_at(line, "generation_time");
  figures.load_time = time_at(line, "load_time");
  request.load_options = line.at("options").get<std::uint64_t>();
  request.typed.bytes = line.at("typed").at(0).get<std::size_t>();
  request.typed.goes_on_from = line.at("typed").at(1).get<std::uint64_t>();
  request.waits.behind_tasks = Duration(line.at("behind_tasks").get<std::int64_t>());
  for (const Json& each : line.at("tasks"))
    request.waits.tasks.push_back(
        {each.at(0).get<std::uint64_t>(), RequestClass::other, Duration(each.at(1).get<std::int64_t>())});
  request.prompt = parts_from(line.at("parts"));
  if (const auto quotes = line.find("quotes"); quotes != line.end())
    request.quotes = quotes_from(*quotes, request.prompt);
  PrefixFinding finding;
  finding.earlier = line.at("turn_before").get<std::uint64_t>();
  finding.could_reuse = line.at("could_reuse").get<double>();
  finding.reused = value_at<double>(line, "reused");
  finding.between.resize(std::min<std::size_t>(line.at("between").get<std::size_t>(), 1000),
                         RequestClass::other);
  request.prefix = std::move(finding);
  return request;
}

}  // namespace

Trace trace_of(const Observer& observer, const std::string& source) {
  Trace trace;
  trace.source = source;
  for (const ObservedRequest& request : observer.requests())
    if (request.done()) trace.requests.push_back(request);
  return trace;
}

void write_trace(const Trace& trace, std::ostream& out) {
  out << Json{{"tasklane_export", version}, {"requests", trace.requests.size()}}.dump() << "\n";
  if (trace.requests.empty()) return;
  const Time zero = trace.requests.front().begun;
  std::map<SocketName, std::size_t> servers;
  for (const ObservedRequest& request : trace.requests) {
    const std::size_t server = servers.try_emplace(request.server, servers.size()).first->second;
    out << line_of(request, zero, server).dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}

Result<Trace> read_trace(std::istream& in, const std::string& source) {
  Trace trace;
  trace.source = source;
  std::string text;
  for (std::size_t number = 1; std::getline(in, text); ++number) {
    const std::string where = source + ":" + std::to_string(number);
    const Json line = Json::parse(text, nullptr, false);
    if (!line.is_object())
      return Error{"no JSON object", where, "it takes a capture, or what `tasklane observe --export` writes"};
    try {
      if (number == 1) {
        if (line.value("tasklane_export", 0) != version)
          return Error{"no export of this release's", where,
                       "it takes a capture, or what `tasklane observe --export` writes"};
        continue;
      }
      trace.requests.push_back(request_from(line));
    } catch (const std::exception& problem) {
      return Error{std::string("not what an export holds: ") + problem.what(), where, ""};
    }
  }
  return trace;
}

Result<Trace> load_trace(const std::string& file, const std::vector<std::string>& packs,
                         const std::set<std::uint16_t>& ports) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{"the file cannot be read", file, "is it there, and readable?"};
  if (in.peek() == '{') return read_trace(in, file);
  auto known = find_packs(packs, {});
  if (!known) return known.error();
  auto capture = Capture::open_file(file);
  if (!capture) return capture.error();
  const auto [low, high] = secret_of(file);
  Observation observation({std::move(*known), low, high, 0}, ports);
  const auto read = capture->read_all([&](const CapturedPacket& packet) {
    observation.feed(capture->link(), packet.frame, packet.wire_length, packet.at);
  });
  observation.finish();
  Trace trace = trace_of(observation.observer(), file);
  if (!read && trace.requests.empty()) return read.error();
  return trace;
}

}  // namespace tasklane::observe
