#include "tools/observe/server_model.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

#include "tools/observe/printing.h"
#include "tools/observe/replay.h"

namespace tasklane::observe {
namespace {

constexpr double usual_prefill = 300, usual_decode = 20;
constexpr std::size_t least_prompt = 48, least_answer = 6;  // tokens, for a rate
constexpr double cold = 0.1;                                // of a prompt may have been known
constexpr double nearly_all = 0.9;
constexpr double a_fetch = 0.01;  // seconds, from the host's memory
constexpr Duration a_load = std::chrono::milliseconds(500);
constexpr std::size_t host_cache_tokens = 100'000;  // some gigabytes of a model of 30B

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

using Requests = std::vector<const ObservedRequest*>;

// Everything else at the server while one of them is there. They stand in the order of their arrival.
class Company {
 public:
  explicit Company(const Requests& requests) : requests_(requests) {
    Time latest{};
    for (const ObservedRequest* each : requests) {
      place_[each->id] = latest_end_.size();
      latest_end_.push_back(latest);
      latest = std::max(latest, *each->ended);
    }
  }
  [[nodiscard]] bool alone(const ObservedRequest& one, Time from, Time to) const {
    const std::size_t place = place_.at(one.id);
    if (latest_end_[place] > from) return false;  // of those before it
    for (std::size_t i = place + 1; i < requests_.size() && requests_[i]->whole < to; ++i)
      if (*requests_[i]->ended > from) return false;
    return true;
  }

 private:
  const Requests& requests_;
  std::map<RequestId, std::size_t> place_;
  std::vector<Time> latest_end_;
};

std::optional<double> computed_tokens(const ObservedRequest& request) {
  const UpstreamFigures& figures = request.figures;
  if (figures.computed_tokens) return static_cast<double>(*figures.computed_tokens);
  if (!figures.prompt_tokens) return std::nullopt;
  if (figures.cached_tokens)
    return static_cast<double>(*figures.prompt_tokens -
                               std::min(*figures.cached_tokens, *figures.prompt_tokens));
  // Ollama tells the whole prompt, and the time of what was new of it.
  const bool known = request.prefix && request.prefix->could_reuse >= cold;
  if (known) return std::nullopt;
  return static_cast<double>(*figures.prompt_tokens);
}

// Since when its answer was being written, as far as that is told.
std::optional<Time> writes_from(const ObservedRequest& request) {
  if (request.stream) return request.first_token;
  if (!request.figures.generation_time) return std::nullopt;
  return *request.ended - *request.figures.generation_time;
}

// Tokens over seconds, of those that were alone if any were.
struct Rate {
  double tokens = 0, seconds = 0;
  std::size_t count = 0;
  void add(double some, double in) {
    if (in <= 0) return;
    tokens += some;
    seconds += in;
    ++count;
  }
};

const Rate& better(const Rate& alone, const Rate& any) { return alone.count > 0 ? alone : any; }

// What an answer says of the reading of its prompt.
struct Reading {
  double computed = 0, cached = 0, seconds = 0;  // tokens, and the time of both
  bool behind_others = false;                    // what was cached had to be fetched from the host's memory
};

// Seconds for each token that is computed, and for each that comes from the cache: the least squares of both,
// for long prompts come from a cache in tenths of seconds.
std::pair<double, double> costs_of(const std::vector<Reading>& readings) {
  double cc = 0, ck = 0, kk = 0, ct = 0, kt = 0;
  for (const Reading& each : readings) {
    cc += each.computed * each.computed;
    ck += each.computed * each.cached;
    kk += each.cached * each.cached;
    ct += each.computed * each.seconds;
    kt += each.cached * each.seconds;
  }
  const double alone = cc > 0 ? ct / cc : 0;
  const double determinant = cc * kk - ck * ck;
  if (determinant <= 1e-6 * cc * kk) return {alone, 0};
  const double computed = (ct * kk - kt * ck) / determinant, cached = (kt * cc - ct * ck) / determinant;
  return cached <= 0 || computed <= 0 ? std::pair{alone, 0.0} : std::pair{computed, cached};
}

// Those of which nearly all was computed, if there are any: what a fetch from memory takes is not in them.
std::vector<Reading> mostly_computed(const std::vector<Reading>& all) {
  std::vector<Reading> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some), [](const Reading& each) {
    return each.computed >= least_prompt && each.computed >= 4 * each.cached;
  });
  return some;
}

// What a token takes in the better of them: some had to wait for a fetch that is not told.
double usual_cost(const std::vector<Reading>& readings) {
  std::vector<double> costs;
  costs.reserve(readings.size());
  for (const Reading& each : readings) costs.push_back(each.seconds / each.computed);
  std::sort(costs.begin(), costs.end());
  return costs[costs.size() / 4];
}

void fit_prefill(const Requests& requests, const Company& company, ServerModel& model) {
  std::vector<Reading> alone, any;
  Rate by_ttft;
  for (const ObservedRequest* each : requests) {
    const auto tokens = computed_tokens(*each);
    if (!each->first_token) continue;
    const bool apart = company.alone(*each, each->whole, *each->first_token);
    if (tokens && each->figures.prompt_time && *tokens >= 1) {
      const Reading reading{*tokens, static_cast<double>(each->figures.cached_tokens.value_or(0)),
                            seconds_of(*each->figures.prompt_time),
                            each->prefix && each->prefix->between.size() >= model.engine.slots};
      any.push_back(reading);
      if (apart) alone.push_back(reading);
    }
    const bool unknown = !each->prefix || each->prefix->could_reuse < cold;
    const double guess = tokens.value_or(static_cast<double>(each->prompt.bytes) / model.bytes_per_token);
    if (apart && unknown && each->stream && guess >= least_prompt)
      by_ttft.add(guess, seconds_of(*each->first_token - each->whole - model.overhead));
  }
  constexpr std::size_t enough = 3;
  // On one slot nothing is read beside another.
  const bool shared = model.engine.slots > 1 && alone.size() >= enough;
  const std::vector<Reading>& told = shared ? alone : any;
  if (!told.empty()) {
    const std::vector<Reading> pure = mostly_computed(told);
    const double computed = pure.size() >= enough ? usual_cost(pure) : costs_of(told).first;
    if (computed > 0) model.engine.prefill_rate = 1 / computed;
    double tokens = 0, seconds = 0;
    for (const Reading& each : told) {
      if (!each.behind_others) continue;
      const double fetch = each.seconds - each.computed * computed;
      // On several slots it may have been in its own all the while, whatever came between.
      if (model.engine.slots > 1 && fetch < a_fetch) continue;
      tokens += each.cached;
      seconds += fetch;
    }
    constexpr double fastest = 1e6;
    if (tokens > 0) model.engine.restore_rate = tokens / std::max(seconds, tokens / fastest);
  } else if (by_ttft.count > 0) {
    model.engine.prefill_rate = by_ttft.tokens / by_ttft.seconds;
  } else {
    model.because["prefill"] = "assumed: no prompt was seen whose reading could be timed";
    return;
  }
  model.fitted_prefill = true;
  model.because["prefill"] = printed(told.empty() ? "%.0f tokens/s by the time to %zu first tokens"
                                                  : "%.0f tokens/s by what %zu answers say",
                                     model.engine.prefill_rate, told.empty() ? by_ttft.count : told.size());
}

void fit_decode(const Requests& requests, const Company& company, ServerModel& model) {
  Rate alone, any;
  for (const ObservedRequest* each : requests) {
    const auto tokens = each->figures.generated_tokens;
    if (!tokens || *tokens < least_answer || each->how != Ending::whole) continue;
    const double some = static_cast<double>(*tokens) - 1;  // the first comes with the end of the prompt
    const std::optional<Time> from = writes_from(*each);
    if (!from) continue;
    const double seconds = seconds_of(*each->ended - *from);
    any.add(some, seconds);
    if (company.alone(*each, *from, *each->ended)) alone.add(some, seconds);
  }
  const Rate& rate = better(alone, any);
  if (rate.count == 0) {
    model.because["decode"] = "assumed: no answer was seen whose tokens are known";
    return;
  }
  model.engine.decode_rate = rate.tokens / rate.seconds;
  model.fitted_decode = true;
  model.because["decode"] = printed("%.1f tokens/s by %zu answers", model.engine.decode_rate, rate.count);
}

// At most as many as were ever answered at the same time; one where some waited and none was answered beside
// another.
void fit_slots(const Requests& requests, ServerModel& model) {
  std::vector<std::pair<Time, int>> changes;
  for (const ObservedRequest* each : requests) {
    const std::optional<Time> from = writes_from(*each);
    if (!from || *from >= *each->ended) continue;
    changes.emplace_back(*from, 1);
    changes.emplace_back(*each->ended, -1);
  }
  std::sort(changes.begin(), changes.end());
  int now = 0, most = 0;
  for (const auto& [at, change] : changes) {
    now += change;
    most = std::max(most, now);
  }
  model.engine.slots = static_cast<unsigned>(std::max(most, 1));
  model.because["slots"] = most > 1 ? std::to_string(most) + " answers were seen at the same time"
                                    : "no two answers were seen at the same time";
}

void fit_cache(const Requests& requests, ServerModel& model) {
  std::size_t kept = 0, lost = 0;
  for (const ObservedRequest* each : requests) {
    if (!each->prefix || !each->prefix->reused || each->prefix->earlier == 0 ||
        each->prefix->could_reuse < 0.5)
      continue;
    if (each->prefix->between.size() < model.engine.slots) continue;
    ++(*each->prefix->reused > each->prefix->could_reuse / 2 ? kept : lost);
  }
  model.engine.host_cache = lost > kept ? 0 : host_cache_tokens;
  model.because["cache"] = kept + lost == 0 ? "assumed: it keeps earlier prompts, as new servers do"
                                            : std::to_string(kept) + " of " + std::to_string(kept + lost) +
                                                  " chats found their prompt again after other work";
}

// Whether a next turn finds the answer before it in the cache too, and not the prompt alone.
void fit_answers(const Requests& requests, ServerModel& model) {
  std::map<RequestId, const ObservedRequest*> by_id;
  for (const ObservedRequest* each : requests) by_id[each->id] = each;
  std::size_t kept = 0, lost = 0;
  for (const ObservedRequest* each : requests) {
    if (!each->prefix || each->prefix->earlier == 0 || !each->figures.cached_tokens) continue;
    const auto before = by_id.find(each->prefix->earlier);
    if (before == by_id.end()) continue;
    const UpstreamFigures& earlier = before->second->figures;
    if (!earlier.prompt_tokens || !earlier.generated_tokens || *earlier.generated_tokens < least_answer)
      continue;
    const auto cached = static_cast<double>(*each->figures.cached_tokens);
    const auto asked = static_cast<double>(*earlier.prompt_tokens);
    if (cached < nearly_all * asked) continue;  // the prompt itself was lost: that says nothing of its answer
    const double more = cached - asked;
    ++(more > 0.5 * static_cast<double>(*earlier.generated_tokens) ? kept : lost);
  }
  model.keeps_answers = kept >= lost;
}

// Of chats where there are any: whoever captures before an agent sees tasks that it has asked on top of their
// chats, with the figures of all that.
std::optional<double> bytes_per_token(const Requests& requests) {
  struct Sum {
    double bytes = 0, tokens = 0;
  };
  Sum chats, all;
  for (const ObservedRequest* each : requests) {
    if (!each->figures.prompt_tokens || each->prompt.bytes == 0) continue;
    // Without those that a chat template adds: about three to a message, and four at the end.
    constexpr double to_a_part = 3, at_the_end = 4;
    const double added = to_a_part * static_cast<double>(each->prompt.parts.size()) + at_the_end;
    const double tokens = std::max(1.0, static_cast<double>(*each->figures.prompt_tokens) - added);
    for (Sum* sum : {&chats, &all}) {
      if (sum == &chats && each->request_class() != RequestClass::chat) continue;
      sum->bytes += static_cast<double>(each->prompt.bytes);
      sum->tokens += tokens;
    }
  }
  const Sum& sum = chats.tokens > 0 ? chats : all;
  if (sum.tokens <= 0) return std::nullopt;
  return sum.bytes / sum.tokens;
}

void fit_rest(const Requests& requests, const Company& company, ServerModel& model) {
  std::vector<double> loads, overheads;
  bool timings = false, ollama = false;
  std::set<std::string> models;
  for (const ObservedRequest* each : requests) {
    timings = timings || each->figures.computed_tokens;
    ollama = ollama || is_ollama(each->endpoint.dialect);
    models.insert(each->model);
    if (each->figures.load_time && *each->figures.load_time > a_load)
      loads.push_back(seconds_of(*each->figures.load_time));
    if (each->stream && each->first_token && each->figures.prompt_time &&
        company.alone(*each, each->whole, *each->first_token)) {
      const Duration own = *each->figures.prompt_time + each->figures.load_time.value_or(Duration{});
      overheads.push_back(seconds_of(*each->first_token - each->whole - own));
    }
  }
  model.engine.flavour = timings || !ollama ? sim::Flavour::llama : sim::Flavour::ollama;
  model.engine.batch = model.engine.flavour == sim::Flavour::llama ? 2048 : 512;
  model.because["batch"] =
      "as " + std::string(model.engine.flavour == sim::Flavour::llama ? "llama-server" : "Ollama") +
      " has it";
  model.models.assign(models.begin(), models.end());
  model.engine.max_loaded =
      loads.empty() ? static_cast<unsigned>(std::max<std::size_t>(models.size(), 1)) : 1;
  if (!loads.empty()) model.engine.load_time = from_seconds(median(loads));
  if (const auto size = bytes_per_token(requests)) model.bytes_per_token = std::clamp(*size, 0.5, 16.0);
  if (!overheads.empty()) model.overhead = from_seconds(std::clamp(median(overheads), 0.0, 1.0));
}

// How far the chats' first tokens of a replay without rules are from those that were measured.
double distance(const Trace& trace, const std::map<SocketName, ServerModel>& models, SocketName server) {
  std::map<RequestId, const ObservedRequest*> chats;
  for (const ObservedRequest& request : trace.requests)
    if (request.server == server && request.request_class() == RequestClass::chat && request.first_token)
      chats[request.id] = &request;
  double sum = 0;
  constexpr double least = 0.01;  // seconds: of less nobody can tell
  for (const Fate& fate : replay(trace, {nullptr, models}).fates) {
    const auto chat = chats.find(fate.id);
    if (chat == chats.end() || !fate.first_token) continue;
    const double was = seconds_of(*chat->second->first_token - chat->second->whole);
    const double simulated = seconds_of(*fate.first_token - fate.arrived);
    sum += std::abs(std::log(std::max(simulated, least) / std::max(was, least)));
  }
  return sum;
}

// On several slots a chat may find its prompt in its own: that tells nothing of what is kept behind them. So
// both are tried.
void try_caches(const Trace& trace, std::map<SocketName, ServerModel>& models) {
  for (auto& [server, model] : models) {
    if (model.engine.slots < 2) continue;
    std::map<std::size_t, double> distances;
    for (const std::size_t cache : {host_cache_tokens, std::size_t{0}}) {
      model.engine.host_cache = cache;
      distances[cache] = distance(trace, models, server);
    }
    const bool keeps = distances[host_cache_tokens] <= distances[0];
    model.engine.host_cache = keeps ? host_cache_tokens : 0;
    model.because["cache"] =
        std::string("replayed without rules, chats' first tokens are nearer to what they were ") +
        (keeps ? "where it keeps earlier prompts" : "where it keeps none");
  }
}

void use_given(const GivenModel& given, ServerModel& model) {
  const auto take = [&](auto& into, const auto& value, const char* name) {
    if (!value) return;
    into = *value;
    model.because[name] = "given";
  };
  take(model.engine.slots, given.slots, "slots");
  take(model.engine.prefill_rate, given.prefill, "prefill");
  take(model.engine.decode_rate, given.decode, "decode");
  take(model.engine.batch, given.batch, "batch");
  if (given.host_cache) {
    model.engine.host_cache = *given.host_cache ? host_cache_tokens : 0;
    model.because["cache"] = "given";
  }
}

}  // namespace

std::map<SocketName, ServerModel> fit_servers(const Trace& trace, const GivenModel& given) {
  std::map<SocketName, Requests> by_server;
  for (const ObservedRequest& request : trace.requests)
    if (has_prompt(request.endpoint) && !request.prompt.parts.empty())
      by_server[request.server].push_back(&request);
  std::map<SocketName, ServerModel> models;
  for (const auto& [server, requests] : by_server) {
    ServerModel& model = models[server];
    const Company company(requests);
    model.requests = requests.size();
    model.engine.prefill_rate = usual_prefill;
    model.engine.decode_rate = usual_decode;
    fit_rest(requests, company, model);
    fit_decode(requests, company, model);
    fit_slots(requests, model);
    fit_prefill(requests, company, model);
    if (given.slots) model.engine.slots = *given.slots;
    fit_cache(requests, model);
    fit_answers(requests, model);
    use_given(given, model);
  }
  if (!given.host_cache) try_caches(trace, models);
  return models;
}

}  // namespace tasklane::observe
