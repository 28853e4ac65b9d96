#include "tools/tasklane/explain.h"

#include <fstream>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "shaper/classify/pack.h"
#include "tools/tasklane/explain_graft.h"
#include "tools/tasklane/lane_remarks.h"
#include "tools/tasklane/score.h"
#include "tools/tasklane/traffic.h"

namespace tasklane {
namespace {

// One request's account, kept to the end: a later chat may change what it is.
struct Account {
  std::string id;
  std::string line;  // method and target
  std::optional<std::string> label;
  bool ambiguous = false;
  Classification classification;
  Handling handling;
  std::optional<RequestClass> class_late;
  Treatment late;                          // as what a later chat showed it to be
  std::optional<RecordedRequest> request;  // kept where one may still show that
  std::optional<Certainty> certainty_late;
  std::string graft;  // in words; empty: nothing to say

  // Of what it is known to be in the end.
  [[nodiscard]] const Treatment& treatment() const { return class_late ? late : handling.treatment; }
  [[nodiscard]] RequestClass request_class() const {
    return class_late.value_or(classification.request_class);
  }
  [[nodiscard]] Certainty certainty() const { return certainty_late.value_or(classification.certainty); }
  // By its evidence, or by a rule that puts it into a lane whatever it is.
  [[nodiscard]] Power power() const {
    return treatment().by_rule ? treatment().power : power_of(certainty(), request_class());
  }
};

void write_json(const Account& account, std::ostream& out) {
  const Classification& found = account.classification;
  nlohmann::ordered_json json;
  if (!account.id.empty()) json["id"] = account.id;
  json["class"] = to_text(found.request_class);
  if (account.class_late) json["class_late"] = to_text(*account.class_late);
  json["lane"] = to_text(account.treatment().lane);
  json["evidence"] = to_text(found.evidence);
  json["score"] = found.score;
  json["certainty"] = to_text(account.certainty());
  json["may"] = account.power().names();
  if (!found.mark.empty()) json["mark"] = found.mark;
  json["task_shaped"] = found.task_shaped;
  json["rule"] = account.handling.rule.empty() ? nlohmann::ordered_json()
                                               : nlohmann::ordered_json(account.handling.rule);
  json["route"] = account.handling.route;
  json["does"] = account.handling.does;
  if (!account.graft.empty()) json["graft"] = account.graft;
  json["reasons"] = found.reasons;
  if (account.label) json["label"] = *account.label;
  out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

void write_text(const Account& account, std::ostream& out) {
  const Classification& found = account.classification;
  out << account.line << (account.id.empty() ? "" : "  (" + account.id + ")") << "\n";
  out << "  class     " << to_text(found.request_class);
  if (account.class_late)
    out << ", later " << to_text(*account.class_late)
        << ": a chat that came after it is the one that it quotes";
  out << "\n  evidence  " << to_text(found.evidence);
  if (!found.mark.empty()) out << " " << found.mark;
  out << ", score " << std::fixed << std::setprecision(2) << found.score << "\n";
  out << "  certainty " << to_text(account.certainty()) << "\n";
  const char* power = "  power     ";
  for (const std::string& line :
       powers_in_words(account.certainty(), account.request_class(), found.worded_as_shipped)) {
    out << power << line << "\n";
    power = "            ";
  }
  if (account.treatment().by_rule)
    out << power << "put into its lane by a rule: it waits, and passes as it came\n";
  const char* head = "  why       ";
  for (const std::string& reason : found.reasons) {
    out << head << reason << "\n";
    head = "            ";
  }
  const Treatment& treatment = account.treatment();
  out << "  lane      " << to_text(treatment.lane);
  if (!treatment.at_once_because.empty()) out << ", whatever the rule says: " << treatment.at_once_because;
  out << "\n  rule      " << (account.handling.rule.empty() ? "none" : account.handling.rule)
      << "\n  done      ";
  for (std::size_t i = 0; i < account.handling.route.size(); ++i)
    out << (i == 0 ? "goes to " : ", else to ") << account.handling.route[i];
  for (const std::string& what : account.handling.does) out << "; " << what;
  if (!account.graft.empty()) out << "\n  graft     " << account.graft;
  out << "\n";
}

class Explanation {
 public:
  explicit Explanation(const Handle& handle) : handle_(handle) {}

  void add(const SeenRequest& seen) {
    Account account;
    account.id = seen.request.id;
    account.line = seen.request.head.method + " " + seen.request.head.target;
    account.label = seen.request.label;
    account.ambiguous = seen.request.ambiguous;
    account.classification = seen.classification;
    account.handling = handle_({seen.request.head, seen.endpoint, seen.body, seen.request.body.size(),
                                seen.classification, seen.request.client});
    account.graft = grafts_.tell(seen, account.handling.treatment, account.handling.grafts);
    if (seen.classification.may_be_unmasked) account.request = seen.request;
    accounts_.push_back(std::move(account));
    for (const Unmasked& earlier : seen.classification.unmasked) show(accounts_.at(earlier.id - 1), earlier);
  }

  void write(bool json, std::ostream& out) const {
    for (const Account& account : accounts_) {
      if (json)
        write_json(account, out);
      else
        write_text(account, out);
    }
  }

  int write_score(bool json, std::ostream& out) const {
    Score score;
    for (const Account& account : accounts_) {
      const RequestClass soon = account.classification.request_class;
      if (account.label)
        score.add(*account.label, soon, account.class_late.value_or(soon), account.ambiguous);
    }
    if (json)
      out << score.to_json().dump(2) << "\n";
    else
      score.print(out);
    return static_cast<int>(score.chats_taken_for_tasks() > 0 ? ExitCode::found : ExitCode::done);
  }

 private:
  // The agent decides anew, and lets the request wait from there on.
  void show(Account& account, const Unmasked& unmasked) {
    account.class_late = unmasked.request_class;
    account.certainty_late = unmasked.certainty;
    if (!account.request) return;
    const RecordedRequest& request = *account.request;
    const Classification shown = shown_to_be(unmasked, account.classification);
    BodyReader reader;
    const DecideInput input{request.head,
                            endpoint_of(request.head.method, request.head.target),
                            body_of(request, reader),
                            request.body.size(),
                            shown,
                            request.client};
    account.late = handle_(input).treatment;
    account.request.reset();
  }

  const Handle& handle_;
  std::vector<Account> accounts_;
  GraftTeller grafts_;
};

int refuse(const Error& error, std::ostream& err) {
  err << "tasklane explain: " << error.text() << "\n";
  return static_cast<int>(error.exit);
}

}  // namespace

Handling by_rules(const Config& config, const DecideInput& input) {
  const Decision decision = decide(config, input);
  Handling handling;
  handling.treatment = treatment_of(decision, input.classification, input.endpoint, input.body);
  handling.route.clear();
  for (const Upstream* const upstream : decision.route) {
    handling.route.push_back(upstream->name);
    if (upstream->model)
      handling.does.push_back("at " + upstream->name + " the model is " + *upstream->model +
                              (upstream->only_if_resident ? ", and only while it is loaded there" : ""));
  }
  for (const Upstream* const upstream : decision.route)
    if (handling.treatment.waits() && handling.treatment.lane != Lane::blocking &&
        handling.treatment.put_together && goes_beside_chats(*upstream))
      handling.does.push_back("at " + upstream->name +
                              " it does not wait for chats, but carries a priority behind theirs");
  if (decision.untouched()) {
    handling.does = {"untouched"};
    return handling;
  }
  handling.rule = decision.rule->name;
  handling.grafts = decision.route.front()->graft;
  if (decision.rule->then.patch) handling.does.push_back("patched with " + decision.rule->then.patch->dump());
  return handling;
}

Handling leave_alone(const DecideInput&) { return {{}, {"model"}, {"untouched"}, {}, false}; }

int run_explain(const ExplainOptions& options, const Handle& handle, std::istream& in, std::ostream& out,
                std::ostream& err) {
  auto packs = find_packs(options.packs, options.pack_directories);
  if (!packs) return refuse(packs.error(), err);
  std::ifstream file;
  const bool from_stdin = options.input == "-";
  if (!from_stdin) file.open(options.input, std::ios::binary);
  if (!from_stdin && !file)
    return refuse({"the file cannot be read", options.input, "is it there, and readable?", ExitCode::usage},
                  err);
  std::istream& source = from_stdin ? in : file;
  const std::string name = from_stdin ? "standard input" : options.input;
  TrafficReader traffic(Classifier(std::move(*packs), {options.threshold, 1, 2}));
  Explanation explanation(handle);
  const auto add = [&](const SeenRequest& seen) { explanation.add(seen); };
  if (options.json_lines) {
    const auto read = traffic.read_lines(source, name, add);
    if (!read) return refuse(read.error(), err);
  } else {
    std::ostringstream raw;
    raw << source.rdbuf();
    const auto request = parse_raw_request(raw.str(), name);
    if (!request) return refuse(request.error(), err);
    traffic.classify(*request, add);
  }
  if (options.score) return explanation.write_score(options.json, out);
  explanation.write(options.json, out);
  return static_cast<int>(ExitCode::done);
}

}  // namespace tasklane
