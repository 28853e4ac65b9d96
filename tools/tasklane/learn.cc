#include "tools/tasklane/learn.h"

#include <algorithm>
#include <fstream>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "shaper/classify/echo.h"
#include "shaper/classify/match.h"
#include "shaper/classify/pack.h"
#include "shaper/classify/text_print.h"
#include "tools/tasklane/traffic.h"

namespace tasklane {
namespace {

using Json = nlohmann::ordered_json;

// A request that no pack knows, kept while learning runs.
struct Sample {
  std::string text;
  RequestClass request_class = RequestClass::task;  // by label, echo or contract
  std::string asks;                                 // the JSON key; may be empty
};

// Samples of one template: the same class and contract, and the same first words.
struct Group {
  std::vector<Sample> samples;
  std::string prefix;
  std::string suffix;
};

constexpr std::size_t same_start = 12;     // bytes by which samples are grouped
constexpr std::size_t mark_length = 80;    // of a mark's text, at most
constexpr std::size_t telling_length = 8;  // a shorter text is no mark

// Not in the middle of a character.
std::size_t whole_characters(std::string_view text, std::size_t length) {
  while (length > 0 && length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
    --length;
  return length;
}

std::string common_prefix(const std::vector<Sample>& samples) {
  std::string_view common = samples.front().text;
  for (const Sample& sample : samples) {
    const auto end =
        std::mismatch(common.begin(), common.end(), sample.text.begin(), sample.text.end()).first;
    common = common.substr(0, static_cast<std::size_t>(end - common.begin()));
  }
  common = common.substr(0, std::min(mark_length, common.size()));
  return std::string(common.substr(0, whole_characters(samples.front().text, common.size())));
}

std::string common_suffix(const std::vector<Sample>& samples) {
  std::string_view common = samples.front().text;
  for (const Sample& sample : samples) {
    const auto end =
        std::mismatch(common.rbegin(), common.rend(), sample.text.rbegin(), sample.text.rend()).first;
    common = common.substr(common.size() - static_cast<std::size_t>(end - common.rbegin()));
  }
  if (common.size() > mark_length) common = common.substr(common.size() - mark_length);
  while (!common.empty() && (static_cast<unsigned char>(common.front()) & 0xC0U) == 0x80U)
    common.remove_prefix(1);
  return std::string(common);
}

// Frames that front ends put around a conversation: they say nothing of what a person wrote.
std::vector<std::pair<std::string_view, std::string_view>> frames() {
  return {{"start", "### Task:"},   {"anywhere", "<chat_history>"}, {"end", "</chat_history>"},
          {"anywhere", "\nUSER: "}, {"anywhere", "\nASSISTANT:"},   {"anywhere", "\nUser: "},
          {"anywhere", "\nAI: "}};
}

bool holds(std::string_view where, std::string_view mark, std::string_view text) {
  if (where == "start") return text.starts_with(mark);
  if (where == "end") return text.ends_with(mark);
  return text.find(mark) != std::string_view::npos;
}

Json marks_of(const Group& group, bool texts) {
  Json marks = Json::array();
  if (texts && group.prefix.size() >= telling_length)
    marks.push_back({{"where", "start"}, {"text", group.prefix}});
  const std::string& asks = group.samples.front().asks;
  if (!asks.empty()) marks.push_back({{"where", "anywhere"}, {"asks", asks}});
  for (const auto& [where, mark] : frames()) {
    const auto shown = [&, w = where, m = mark](const Sample& sample) { return holds(w, m, sample.text); };
    if (std::all_of(group.samples.begin(), group.samples.end(), shown))
      marks.push_back({{"where", where}, {"text", mark}});
  }
  if (texts && group.suffix.size() >= telling_length)
    marks.push_back({{"where", "end"}, {"text", group.suffix}});
  return marks;
}

// A mark at each end, so that a person's words before or behind it speak against it.
bool is_anchored(const Json& marks) {
  const auto has = [&](std::string_view where) {
    return std::any_of(marks.begin(), marks.end(), [&](const Json& mark) { return mark["where"] == where; });
  };
  return has("start") && (has("end") || marks.size() >= 3);
}

class Learning {
 public:
  explicit Learning(std::vector<std::shared_ptr<const Pack>> packs) : packs_(std::move(packs)) {}

  void see(const SeenRequest& seen) {
    const Classification& found = seen.classification;
    if (seen.body == nullptr || !seen.body->readable || seen.body->messages.empty()) return;
    const std::string text(trimmed(seen.body->messages.back().text));
    if (!found.task_shaped || found.evidence == Evidence::header || found.evidence == Evidence::pack) {
      if (found.request_class == RequestClass::chat) chats_.push_back(text);
      return;
    }
    const Asked asked = what_it_asks(text, packs_);
    Sample sample{text, asked.request_class, asked.mark != nullptr ? asked.mark->asks : ""};
    if (found.evidence == Evidence::echo) sample.request_class = found.request_class;
    const auto label = request_class_from(seen.request.label.value_or(""));
    if (label) sample.request_class = *label;
    if (!is_task(sample.request_class) ||
        (!label && asked.mark == nullptr && found.evidence == Evidence::none)) {
      chats_.push_back(text);
      return;
    }
    const std::string key = std::string(to_text(sample.request_class)) + " " + sample.asks + " " +
                            text.substr(0, whole_characters(text, std::min(same_start, text.size())));
    groups_[key].samples.push_back(std::move(sample));
  }

  Json propose(const LearnOptions& options, std::ostream& err) {
    Json entries = Json::array();
    for (auto& [key, group] : groups_) {
      const RequestClass request_class = group.samples.front().request_class;
      const std::string name =
          "learned-" + std::string(to_text(request_class)) + "-" + std::to_string(entries.size() + 1);
      err << group.samples.size() << " requests, class " << to_text(request_class)
          << (group.samples.front().asks.empty() ? "" : ", JSON key \"" + group.samples.front().asks + "\"")
          << ": ";
      if (group.samples.size() < options.least) {
        err << "fewer than " << options.least << ", left\n";
        continue;
      }
      // What people wrote is left out, also where all requests quote the same chat.
      const PromptEnds ends = ends_of(group.samples.front().text);
      group.prefix = common_prefix(group.samples).substr(0, ends.before.size());
      group.suffix = common_suffix(group.samples);
      if (ends.before.size() < group.samples.front().text.size() && group.suffix.size() > ends.behind.size())
        group.suffix = ends.behind;
      const Json marks = marks_of(group, options.texts);
      if (!is_anchored(marks)) {
        err << "no marks at its ends"
            << (options.texts ? "" : "; --texts may find some in the words they share") << "\n";
        continue;
      }
      Json entry{{"name", name}, {"class", to_text(request_class)}, {"releases", "?"}, {"marks", marks}};
      const std::size_t chats = chats_that_match(entry);
      err << "entry " << name << ", which matches " << chats << " of " << chats_.size() << " chats"
          << (chats > 0 ? ": left" : "") << "\n";
      if (chats == 0) entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  // How many chats of the input show the entry's marks, whatever their shape.
  std::size_t chats_that_match(const Json& entry) const {
    const Json pack{{"format", 1}, {"pack", "learned"}, {"version", "0"}, {"entries", Json::array({entry})}};
    const auto parsed = parse_pack(pack.dump(), "proposal");
    if (!parsed) return chats_.size() + 1;
    BodyFacts body;
    return static_cast<std::size_t>(std::count_if(chats_.begin(), chats_.end(), [&](const std::string& text) {
      body.messages = {Message{Role::user, text, false, false}};
      return hold_against((*parsed)->entries.front(), prompt_of(body, **parsed)).matches;
    }));
  }

  std::vector<std::shared_ptr<const Pack>> packs_;
  std::map<std::string, Group> groups_;
  std::vector<std::string> chats_;
};

int refuse(const Error& error, std::ostream& err) {
  err << "tasklane learn: " << error.text() << "\n";
  return static_cast<int>(error.exit);
}

}  // namespace

int run_learn(const LearnOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  auto packs = find_packs(options.packs, options.pack_directories);
  if (!packs) return refuse(packs.error(), err);
  std::ifstream file;
  if (options.input != "-") {
    file.open(options.input, std::ios::binary);
    if (!file)
      return refuse({"the file cannot be read", options.input, "is it there, and readable?", ExitCode::usage},
                    err);
  }
  Learning learning(*packs);
  TrafficReader traffic(Classifier(std::move(*packs), {0.5, 1, 2}));
  const auto read = traffic.read_lines(options.input == "-" ? in : file, options.input,
                                       [&](const SeenRequest& seen) { learning.see(seen); });
  if (!read) return refuse(read.error(), err);
  Json entries = learning.propose(options, err);
  if (entries.empty()) {
    err << "nothing to propose\n";
    return static_cast<int>(ExitCode::done);
  }
  const Json pack{{"format", 1},
                  {"pack", "learned"},
                  {"version", "0"},
                  {"about", "Proposed, to be reviewed"},
                  {"entries", std::move(entries)}};
  out << pack.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  return static_cast<int>(ExitCode::found);
}

}  // namespace tasklane
