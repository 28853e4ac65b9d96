#include "tools/tasklane/learn.h"

#include <algorithm>
#include <fstream>
#include <istream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "shaper/base/trimmed.h"
#include "shaper/classify/match.h"
#include "shaper/classify/pack.h"
#include "shaper/classify/sample.h"
#include "shaper/classify/text_print.h"
#include "shaper/classify/written_chat.h"
#include "shaper/dialect/ordered_json.h"
#include "tools/support/control_client.h"
#include "tools/tasklane/traffic.h"

namespace tasklane {
namespace {

// Samples of one template: the same class and contract, and the same first words.
struct Group {
  std::vector<TaskSample> samples;
  std::string prefix;
  std::string suffix;
};

constexpr std::size_t mark_length = 80;    // of a mark's text, at most
constexpr std::size_t telling_length = 8;  // a shorter text is no mark

// Not in the middle of a character.
std::size_t whole_characters(std::string_view text, std::size_t length) {
  while (length > 0 && length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
    --length;
  return length;
}

std::string common_prefix(const std::vector<TaskSample>& samples) {
  std::string_view common = samples.front().text;
  for (const TaskSample& sample : samples) {
    const auto end =
        std::mismatch(common.begin(), common.end(), sample.text.begin(), sample.text.end()).first;
    common = common.substr(0, static_cast<std::size_t>(end - common.begin()));
  }
  common = common.substr(0, std::min(mark_length, common.size()));
  return std::string(common.substr(0, whole_characters(samples.front().text, common.size())));
}

std::string common_suffix(const std::vector<TaskSample>& samples) {
  std::string_view common = samples.front().text;
  for (const TaskSample& sample : samples) {
    const auto end =
        std::mismatch(common.rbegin(), common.rend(), sample.text.rbegin(), sample.text.rend()).first;
    common = common.substr(common.size() - static_cast<std::size_t>(end - common.rbegin()));
  }
  if (common.size() > mark_length) common = common.substr(common.size() - mark_length);
  while (!common.empty() && (static_cast<unsigned char>(common.front()) & 0xC0U) == 0x80U)
    common.remove_prefix(1);
  return std::string(common);
}

OrderedJson marks_of(const Group& group, bool texts) {
  OrderedJson marks = OrderedJson::array();
  if (texts && group.prefix.size() >= telling_length)
    marks.push_back({{"where", "start"}, {"text", group.prefix}});
  const std::string& asks = group.samples.front().asks;
  if (!asks.empty()) marks.push_back({{"where", "anywhere"}, {"asks", asks}});
  for (std::size_t frame = 0; frame < task_frames().size(); ++frame) {
    const auto shown = [frame](const TaskSample& sample) {
      return std::find(sample.frames.begin(), sample.frames.end(), frame) != sample.frames.end();
    };
    const auto& [where, mark] = task_frames()[frame];
    if (std::all_of(group.samples.begin(), group.samples.end(), shown))
      marks.push_back({{"where", where}, {"text", mark}});
  }
  if (texts && group.suffix.size() >= telling_length)
    marks.push_back({{"where", "end"}, {"text", group.suffix}});
  return marks;
}

// A mark at each end, so that a person's words before or behind it speak against it.
bool is_anchored(const OrderedJson& marks) {
  const auto has = [&](std::string_view where) {
    return std::any_of(marks.begin(), marks.end(),
                       [&](const OrderedJson& mark) { return mark["where"] == where; });
  };
  return has("start") && (has("end") || marks.size() >= 3);
}

class Learning {
 public:
  explicit Learning(std::vector<std::shared_ptr<const Pack>> packs) : packs_(std::move(packs)) {}

  void see(const SeenRequest& seen) {
    if (seen.body == nullptr || !seen.body->readable || seen.body->messages.empty()) return;
    const Classification& found = seen.classification;
    SampleWish wish;
    wish.text = true;  // of the person's own file, and shown only where asked for
    wish.label = request_class_from(seen.request.label.value_or(""));
    if (std::optional<TaskSample> sample = sample_of(found, *seen.body, packs_, wish))
      see(std::move(*sample));
    else if (found.request_class == RequestClass::chat)
      chats_.emplace_back(trimmed(seen.body->messages.back().text));
  }

  void see(TaskSample sample) {
    const std::string key =
        std::string(to_text(sample.request_class)) + " " + sample.asks + " " + std::to_string(sample.start);
    groups_[key].samples.push_back(std::move(sample));
  }

  OrderedJson propose(const LearnOptions& options, std::ostream& err) {
    OrderedJson entries = OrderedJson::array();
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
      const OrderedJson marks = marks_of(group, options.texts);
      if (!is_anchored(marks)) {
        err << "no marks at its ends"
            << (options.texts ? "" : "; --texts may find some in the words they share") << "\n";
        continue;
      }
      OrderedJson entry{
          {"name", name}, {"class", to_text(request_class)}, {"releases", "?"}, {"marks", marks}};
      const std::size_t chats = chats_that_match(entry);
      err << "entry " << name << ", which matches " << chats << " of " << chats_.size() << " chats"
          << (chats > 0 ? ": left" : "") << "\n";
      if (chats == 0) entries.push_back(std::move(entry));
    }
    return entries;
  }

 private:
  // How many chats of the input show the entry's marks, whatever their shape.
  std::size_t chats_that_match(const OrderedJson& entry) const {
    const OrderedJson pack{
        {"format", 1}, {"pack", "learned"}, {"version", "0"}, {"entries", OrderedJson::array({entry})}};
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

int refuse_to_learn(const Error& error, std::ostream& err) {
  err << "tasklane learn: " << error.text() << "\n";
  return static_cast<int>(error.exit);
}

int write_proposal(Learning& learning, const LearnOptions& options, std::ostream& out, std::ostream& err) {
  OrderedJson entries = learning.propose(options, err);
  if (entries.empty()) {
    err << "nothing to propose\n";
    return static_cast<int>(ExitCode::done);
  }
  const OrderedJson pack{{"format", 1},
                         {"pack", "learned"},
                         {"version", "0"},
                         {"about", "Proposed, to be reviewed"},
                         {"entries", std::move(entries)}};
  out << pack.dump(2, ' ', false, OrderedJson::error_handler_t::replace) << "\n";
  return static_cast<int>(ExitCode::found);
}

// What the agent answers, or why it does not.
Result<nlohmann::json> told_by_agent(const std::string& control, const std::string& method,
                                     const std::string& body) {
  const Result<ControlReply> reply = ask_agent(control, method, "/samples", body);
  if (!reply) return reply.error();
  nlohmann::json told = nlohmann::json::parse(reply->body, nullptr, false);
  if (reply->status != 200 || !told.is_object())
    return Error{"the agent said: " + reply->body, control, "is it of this release?", ExitCode::found};
  return Result<nlohmann::json>(boost::system::in_place_value, std::move(told));
}

}  // namespace

int run_learn(const LearnOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  auto packs = find_packs(options.packs, options.pack_directories);
  if (!packs) return refuse_to_learn(packs.error(), err);
  std::ifstream file;
  if (options.input != "-") {
    file.open(options.input, std::ios::binary);
    if (!file)
      return refuse_to_learn(
          {"the file cannot be read", options.input, "is it there, and readable?", ExitCode::usage}, err);
  }
  Learning learning(*packs);
  TrafficReader traffic(Classifier(std::move(*packs), {0.5, 1, 2}));
  const auto read = traffic.read_lines(options.input == "-" ? in : file, options.input,
                                       [&](const SeenRequest& seen) { learning.see(seen); });
  if (!read) return refuse_to_learn(read.error(), err);
  return write_proposal(learning, options, out, err);
}

int run_learn_live(const LearnOptions& options, const std::string& control, std::ostream& out,
                   std::ostream& err) {
  auto packs = find_packs(options.packs, options.pack_directories);
  if (!packs) return refuse_to_learn(packs.error(), err);
  const nlohmann::json wish{{"seconds", options.seconds}, {"texts", options.texts}};
  if (const auto begun = told_by_agent(control, "POST", wish.dump()); !begun)
    return refuse_to_learn(begun.error(), err);
  err << "listening for " << options.seconds
      << " s to requests that look like tasks and that no pack knows\n";
  std::this_thread::sleep_for(std::chrono::seconds(options.seconds));
  const auto told = told_by_agent(control, "GET", "");
  if (!told) return refuse_to_learn(told.error(), err);
  Learning learning(std::move(*packs));
  for (const nlohmann::json& each : told->value("samples", nlohmann::json::array())) {
    Result<TaskSample> sample = sample_from(each);
    if (!sample) return refuse_to_learn(sample.error(), err);
    learning.see(std::move(*sample));
  }
  return write_proposal(learning, options, out, err);
}

}  // namespace tasklane
