#include <algorithm>
#include <vector>

#include "tools/observe/picture.h"
#include "tools/observe/printing.h"

namespace tasklane::observe {
namespace {

using TableRow = std::vector<std::string>;

std::string time(Duration value) {
  const double in_seconds = seconds_of(value);
  if (in_seconds < 0.9995) return printed("%.0f ms", in_seconds * 1000);
  return printed(in_seconds < 100 ? "%.2f s" : "%.0f s", in_seconds);
}
std::string quantile(const Histogram& histogram, double q) {
  return histogram.count() == 0 ? "-" : time(histogram.quantile(q));
}
std::string count(std::uint64_t value) { return std::to_string(value); }

// The first column to the left, the others to the right.
std::string aligned(const std::vector<TableRow>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const TableRow& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const TableRow& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      out += i == 0 ? row[i] + space : "  " + space + row[i];
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

std::string classes(const Observer& observer) {
  std::vector<TableRow> rows{{"CLASS", "REQUESTS", "ANSWERED", "LEFT", "FAILED", "UNSEEN", "AT ONCE",
                              "TTFT p50", "p95", "worst", "TOTAL p50", "p95", "worst", "PROMPT", "CACHED",
                              "GENERATED"}};
  for (const auto& [request_class, picture] : observer.classes()) {
    if (picture.requests == 0) continue;
    rows.push_back({std::string(to_text(request_class)), count(picture.requests), count(picture.answered),
                    count(picture.client_left), count(picture.failed), count(picture.gaps + picture.not_seen),
                    count(picture.most_at_once), quantile(picture.ttft, 0.5), quantile(picture.ttft, 0.95),
                    quantile(picture.ttft, 1), quantile(picture.total, 0.5), quantile(picture.total, 0.95),
                    quantile(picture.total, 1), picture.told_tokens == 0 ? "-" : count(picture.prompt_tokens),
                    picture.cached_tokens == 0 ? "-" : count(picture.cached_tokens),
                    picture.told_tokens == 0 ? "-" : count(picture.generated_tokens)});
  }
  return rows.size() == 1 ? "no request yet\n" : aligned(rows);
}

std::string waits(const Observer& observer) {
  if (observer.chats_that_waited() == 0) return "";
  std::string line = printed("chats that waited behind tasks: %llu, %s in all",
                             static_cast<unsigned long long>(observer.chats_that_waited()),
                             time(observer.chats_waited()).c_str());
  std::vector<std::pair<RequestClass, WaitPicture>> by_class(observer.waits().begin(),
                                                             observer.waits().end());
  std::stable_sort(by_class.begin(), by_class.end(),
                   [](const auto& a, const auto& b) { return a.second.together > b.second.together; });
  const char* between = "; ";
  for (const auto& [request_class, wait] : by_class) {
    line += between + std::string(to_text(request_class)) + " " + time(wait.together) + " (longest " +
            time(wait.longest) + ")";
    between = ", ";
  }
  return line + "\n";
}

std::string prefix(const PrefixPicture& found) {
  if (found.turns == 0) return "";
  std::string lines =
      printed("prompt cache: %llu later turns of chats", static_cast<unsigned long long>(found.turns));
  if (found.known > 0)
    lines += printed("; of their prompts %.0f %% had been read before, %.0f %% was taken from the cache",
                     100 * found.could_reuse / static_cast<double>(found.known),
                     100 * found.reused / static_cast<double>(found.known));
  lines += "\n";
  if (found.fell_out > 0)
    lines += printed("  %llu had fallen out of it\n", static_cast<unsigned long long>(found.fell_out));
  if (found.changed == 0) return lines;
  lines += printed("  %llu do not go on from the turn before; first changed:",
                   static_cast<unsigned long long>(found.changed));
  const char* between = " ";
  for (const auto& [role, times] : found.first_changed) {
    lines += between + std::string(to_text(role)) + " " + std::to_string(times);
    between = ", ";
  }
  return lines + "\n";
}

std::string capture(const Observation& observation, const Source& source) {
  const FrameCounts& frames = observation.frames();
  const ReassemblyCounts& streams = observation.streams();
  const HttpCounts& http = observation.http();
  std::string line = printed("capture: %llu segments in %s", static_cast<unsigned long long>(frames.tcp),
                             time(observation.lasted()).c_str());
  const auto add = [&](std::uint64_t value, const char* what) {
    if (value > 0) line += printed(", %llu %s", static_cast<unsigned long long>(value), what);
  };
  if (source.live) line += printed(", %llu lost by the kernel", static_cast<unsigned long long>(source.lost));
  add(streams.out_of_order, "out of order");
  add(streams.again, "repeated");
  add(streams.overlaps, "overlapping");
  add(streams.begun_in_the_middle, "connections begun before");
  add(streams.mirrored, "connections seen twice");
  add(frames.malformed, "malformed");
  add(streams.gaps, "holes");
  add(http.requests_given_up, "requests given up for them");
  add(http.answers_given_up, "answers given up for them");
  line += "\n";
  if (source.lost > 0)
    line += "packets were lost: what they belonged to is given up, never guessed; fewer --port help\n";
  if (!source.cut_short.empty()) line += "the file ends before its time: " + source.cut_short + "\n";
  return line;
}

}  // namespace

std::string picture_table(const Observation& observation, const Source& source) {
  const Observer& observer = observation.observer();
  return classes(observer) + "\n" + waits(observer) + prefix(observer.prefix()) +
         capture(observation, source);
}

}  // namespace tasklane::observe
