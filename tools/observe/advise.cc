#include "tools/observe/advise.h"

#include <algorithm>
#include <optional>
#include <set>

#include "tools/observe/printing.h"
#include "tools/observe/replay.h"

namespace tasklane::observe {
namespace {

using Json = nlohmann::ordered_json;

// A rule file in the making.
struct Draft {
  std::uint16_t port = 11434;
  std::optional<std::uint16_t> task_port;
  std::string task_model;
  unsigned slots = 1;
  bool rewarm = true;
  std::string quiet = "1500ms";
  std::string share = "3%";
  bool graft = true;
};

Json rules_of(const Draft& draft) {
  const bool split = draft.task_port.has_value();
  Json model{{"address", "original"}, {"slots", draft.slots}};
  if (draft.rewarm) model["rewarm"] = true;
  if (draft.graft) model["graft"] = true;
  Json upstreams{{"model", model}};
  if (split) {
    upstreams["task"] = {{"url", "http://127.0.0.1:" + std::to_string(*draft.task_port)}};
    if (!draft.task_model.empty()) upstreams["task"]["model"] = draft.task_model;
  }
  const auto rule = [&](const char* name, const Json& classes, Json then) {
    if (split) then["route"] = {"task", "model"};
    then["constrain"] = true;
    if (!split) then["align"] = true;
    return Json{{"name", name}, {"when", {{"class", classes}}}, {"then", then}};
  };
  Json keystroke{{"lane", "keystroke"}, {"deadline", "3s"}};
  Json background{{"lane", "background"}};
  if (!split) {
    keystroke["share"] = draft.share;
    background["quiet"] = draft.quiet;
  }
  return {{"version", 1},
          {"intercept", Json::array({{{"port", draft.port}}})},
          {"upstreams", upstreams},
          {"packs", {"open-webui"}},
          {"rules", Json::array({rule("what a person waits for", {"query", "image_prompt", "tool_selection"},
                                      {{"lane", "blocking"}}),
                                 rule("suggestions while typing", "autocomplete", keystroke),
                                 rule("titles and tags", {"title", "tags"}, background),
                                 rule("everything else that can wait",
                                      {"follow_up", "emoji", "memory_review", "task"}, background)})}};
}

// What a replay by a draft comes to.
struct Worth {
  double p50 = 0, p95 = 0;  // of chats' first tokens, in seconds
  double came = 0;          // of tasks, a share
  double task = 0;          // a task's median, in seconds
};

std::string text_of(const Worth& worth) {
  return printed("chats' first token p95 %.2f s, %.0f %% of tasks come", worth.p95, 100 * worth.came) +
         (worth.task > 0 ? printed(" after %.1f s", worth.task) : "");
}

double at(std::vector<double>& values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(q * static_cast<double>(values.size())))];
}

class Adviser {
 public:
  explicit Adviser(const Trace& trace) : trace_(trace), servers_(fit_servers(trace)) {
    for (const ObservedRequest& request : trace.requests) {
      by_id_[request.id] = &request;
      if (request.request_class() == RequestClass::chat && has_prompt(request.endpoint))
        ++chats_at_[request.server];
      if (is_task(request.request_class())) ++tasks_at_[request.server];
    }
  }

  Result<Advice> advice() {
    if (chats_at_.empty() || servers_.empty())
      return Error{"no chat was seen, so there is nothing to advise on", trace_.source,
                   "observe for longer, while people chat"};
    const auto model = std::max_element(chats_at_.begin(), chats_at_.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
    model_ = model->first;
    draft_.port = model_.port;
    direct_ = worth_of(nullptr);
    slots();
    cache();
    one_or_two();
    if (!draft_.task_port) {
      quiet();
      share();
    }
    graft();
    total();
    return Advice{rules_of(draft_), std::move(choices_)};
  }

 private:
  Worth worth_of(const Config* config) {
    const ReplayResult result = replay(trace_, {config, servers_, 4});
    std::vector<double> first, task;
    std::size_t tasks = 0, came = 0;
    for (const Fate& fate : result.fates) {
      const RequestClass request_class = by_id_.at(fate.id)->request_class();
      if (request_class == RequestClass::chat && fate.first_token)
        first.push_back(seconds_of(*fate.first_token - fate.arrived));
      if (!is_task(request_class) || default_lane(request_class) == Lane::keystroke) continue;
      ++tasks;
      if (!fate.ended || fate.left || fate.without_model) continue;
      ++came;
      task.push_back(seconds_of(*fate.ended - fate.arrived));
    }
    return {at(first, 0.5), at(first, 0.95),
            tasks == 0 ? 1 : static_cast<double>(came) / static_cast<double>(tasks), at(task, 0.5)};
  }
  Worth worth_of(const Draft& draft) {
    const Result<Config> config = parse_config(rules_of(draft).dump(2), "advice");
    if (!config) throw std::logic_error(config.error().text());
    return worth_of(&*config);
  }

  void slots() {
    const ServerModel& model = servers_.at(model_);
    draft_.slots = model.engine.slots;
    choices_.push_back({"slots", std::to_string(draft_.slots), model.because.at("slots"), ""});
  }

  void cache() {
    const ServerModel& model = servers_.at(model_);
    draft_.rewarm = model.engine.host_cache == 0;
    Draft other = draft_;
    other.rewarm = !draft_.rewarm;
    const Worth one = worth_of(draft_), two = worth_of(other);
    const std::string both = text_of(one) + "; " + (other.rewarm ? "with: " : "without: ") + text_of(two);
    if (two.p95 < one.p95 * 0.97 - 0.005 && two.came >= one.came - 0.01) draft_ = other;
    choices_.push_back({"rewarm", draft_.rewarm ? "true" : "false", model.because.at("cache"), both});
  }

  // A second server that answers tasks already, or that has the time for them.
  void one_or_two() {
    std::optional<SocketName> second;
    for (const auto& [server, model] : servers_)
      if (server != model_ && chats_at_[server] * 10 <= chats_at_[model_]) second = server;
    if (!second) {
      Draft split = draft_;
      split.task_port = static_cast<std::uint16_t>(draft_.port + 1);
      choices_.push_back(
          {"models", "one", "no second model server was seen",
           text_of(worth_of(draft_)) +
               "; with a task model four times as fast on another port: " + text_of(worth_of(split))});
      return;
    }
    Draft split = draft_;
    split.task_port = second->port;
    if (!servers_.at(*second).models.empty()) split.task_model = servers_.at(*second).models.front();
    const Worth one = worth_of(draft_), two = worth_of(split);
    const bool better = two.p95 <= one.p95 * 1.02 + 0.005 && two.came >= one.came - 0.01;
    choices_.push_back(
        {"models", better ? "two" : "one",
         printed("a second server listens on port %u, and answered %zu tasks",
                 static_cast<unsigned>(second->port), static_cast<std::size_t>(tasks_at_[*second])),
         "with it: " + text_of(two) + "; without: " + text_of(one)});
    if (better) draft_ = split;
  }

  // The least of the values that costs chats nothing, or the greatest that does.
  template <class Set>
  void choose(const char* what, const std::string& because, const std::vector<std::string>& values,
              const Set& set) {
    std::vector<Worth> worths;
    std::string worth;
    for (const std::string& value : values) {
      Draft draft = draft_;
      set(draft, value);
      worths.push_back(worth_of(draft));
      worth += (worth.empty() ? "" : "; ") + value + ": " + text_of(worths.back());
    }
    const double best = std::min_element(worths.begin(), worths.end(), [](const Worth& a, const Worth& b) {
                          return a.p95 < b.p95;
                        })->p95;
    std::size_t chosen = 0;
    while (worths[chosen].p95 > best * 1.03 + 0.005) ++chosen;
    set(draft_, values[chosen]);
    choices_.push_back({what, values[chosen], because, worth});
  }

  void quiet() {
    std::vector<double> pauses;
    for (const ObservedRequest& request : trace_.requests) {
      if (!request.prefix || request.prefix->earlier == 0) continue;
      const auto before = by_id_.find(request.prefix->earlier);
      if (before != by_id_.end() && *before->second->ended < request.whole)
        pauses.push_back(seconds_of(request.whole - *before->second->ended));
    }
    const std::string because =
        pauses.empty() ? "no chat went on"
                       : printed("people wrote on after %.1f s (a tenth of them) to %.1f s (half)",
                                 at(pauses, 0.1), at(pauses, 0.5));
    choose("quiet", because, {"500ms", "1500ms", "3s", "6s"},
           [](Draft& draft, const std::string& value) { draft.quiet = value; });
  }

  void share() {
    const auto typed = std::count_if(
        trace_.requests.begin(), trace_.requests.end(),
        [](const ObservedRequest& request) { return request.request_class() == RequestClass::autocomplete; });
    if (typed == 0) {
      choices_.push_back({"share", draft_.share, "no suggestion was asked for", ""});
      return;
    }
    choose("share", printed("%zu suggestions were asked for", static_cast<std::size_t>(typed)),
           {"10%", "5%", "3%", "1%"}, [](Draft& draft, const std::string& value) { draft.share = value; });
  }

  void graft() {
    Draft with = draft_, without = draft_;
    with.graft = true;
    without.graft = false;
    const Worth one = worth_of(with), two = worth_of(without);
    draft_.graft = one.p95 <= two.p95 * 1.02 + 0.005;
    choices_.push_back({"graft", draft_.graft ? "true" : "false",
                        "a task that quotes a chat can be asked as its next message",
                        "with: " + text_of(one) + "; without: " + text_of(two)});
  }

  void total() {
    choices_.push_back(
        {"in all", printed("%zu rules", rules_of(draft_)["rules"].size()),
         printed("%zu chats and %zu other requests were seen", static_cast<std::size_t>(chats_at_[model_]),
                 trace_.requests.size() - static_cast<std::size_t>(chats_at_[model_])),
         text_of(worth_of(draft_)) + "; without rules: " + text_of(direct_)});
  }

  const Trace& trace_;
  std::map<SocketName, ServerModel> servers_;
  std::map<RequestId, const ObservedRequest*> by_id_;
  std::map<SocketName, std::uint64_t> chats_at_, tasks_at_;
  SocketName model_;
  Draft draft_;
  Worth direct_;
  std::vector<Choice> choices_;
};

}  // namespace

Result<Advice> advise(const Trace& trace) { return Adviser(trace).advice(); }

Json advice_json(const Advice& advice) {
  Json choices = Json::array();
  for (const Choice& choice : advice.choices)
    choices.push_back({{"choice", choice.what},
                       {"value", choice.value},
                       {"because", choice.because},
                       {"worth", choice.worth}});
  return {{"choices", choices}, {"rules", advice.rules}};
}

std::string advice_text(const Advice& advice) {
  std::string text;
  for (const Choice& choice : advice.choices) {
    text += choice.what + ": " + choice.value + "\n    " + choice.because + "\n";
    if (!choice.worth.empty()) text += "    replayed: " + choice.worth + "\n";
  }
  return text;
}

}  // namespace tasklane::observe
