#include "shaper/observe/observer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "shaper/dialect/quoted.h"

namespace tasklane::observe {
namespace {

constexpr std::size_t most_work = 256;  // recent tasks of a server
constexpr std::size_t most_typed = 64;  // texts that somebody is typing
constexpr std::size_t most_servers = 256;

bool is_task_work(RequestClass request_class) {
  return is_task(request_class) || request_class == RequestClass::embedding;
}

std::uint64_t hash_of(const TextHasher& hasher, const LoadOptions& options) {
  std::string all;
  each_load_option(options, [&](const char* name, const auto& value) {
    if (value)
      all.append(name).append("=").append(std::to_string(static_cast<long long>(*value))).append(";");
  });
  return all.empty() ? 0 : hasher.hash(all);
}

}  // namespace

Observer::Observer(ObserverOptions options)
    : options_(std::move(options)),
      hasher_(options_.secret_low, options_.secret_high),
      classifier_(options_.packs, {0.5, options_.secret_low, options_.secret_high}) {}

Observer::~Observer() = default;

ObservedRequest* Observer::find(RequestId id) {
  if (requests_.empty() || id < requests_.front().id) return nullptr;
  const std::size_t place = static_cast<std::size_t>(id - requests_.front().id);
  return place < requests_.size() ? &requests_[place] : nullptr;
}

void Observer::on_request(HttpExchange& exchange) {
  ObservedRequest& request = requests_.emplace_back();
  request.id = exchange.id;
  request.client = exchange.client;
  request.server = exchange.server;
  request.endpoint = endpoint_of(exchange.head.method, exchange.head.target);
  request.path = path_of(exchange.head.target);
  request.begun = exchange.begun;
  request.whole = exchange.whole;
  request.bytes_up = exchange.body_bytes;
  read_body(exchange, request);
  open_.emplace(exchange.id, Open{});
  most_at_once_ = std::max(most_at_once_, open_.size());
  begin_counting(request);
  if (is_task_work(request.request_class()) && work_.size() < most_servers) {
    std::deque<Work>& work = work_[request.server];
    work.push_back({request.id, request.request_class(), request.whole, {}});
    if (work.size() > most_work) work.pop_front();
  }
  forget_old();
}

void Observer::read_body(const HttpExchange& exchange, ObservedRequest& request) {
  const BodyFacts* body = nullptr;
  if (has_prompt(request.endpoint) && !exchange.body_cut) {
    const std::string* const encoding = exchange.head.field("Content-Encoding");
    body = &reader_.read(exchange.body, request.endpoint.dialect,
                         encoding == nullptr ? std::string_view() : std::string_view(*encoding));
  }
  const std::string client = address_text(request.client.address);
  request.found =
      classifier_.classify({request.id, exchange.head, request.endpoint, body, client, request.whole, false});
  const std::vector<Unmasked> shown = std::exchange(request.found.unmasked, {});
  if (body != nullptr && body->readable) {
    request.model = body->model;
    request.stream = body->streamed;
    request.has_format = body->has_format;
    request.token_limit = body->token_limit;
    request.load_options = hash_of(hasher_, body->load_options);
    request.prompt = print_of(hasher_, *body);
    request.quotes = quoted_lines(hasher_, prompt_text(*body));
    read_typed(*body, request);
    doctor_.asked(request);
  }
  unmask(shown);
}

// Whether a text goes on from an earlier one is told by the hash of as much of it as the earlier one had.
void Observer::read_typed(const BodyFacts& body, ObservedRequest& request) {
  if (request.request_class() != RequestClass::autocomplete) return;
  const std::optional<Typed> typed = typed_text(body);
  if (!typed) return;
  request.typed.bytes = typed->text.size();
  request.typed.hash = hasher_.hash(typed->text);
  const Tenant tenant = request.found.tenant;
  const auto before = std::find_if(typed_.rbegin(), typed_.rend(), [&](const auto& each) {
    return each.first == tenant && each.second.bytes <= typed->text.size() &&
           hasher_.hash(typed->text.substr(0, each.second.bytes)) == each.second.hash;
  });
  if (before != typed_.rend()) {
    request.typed.goes_on_from = before->second.id;
    typed_.erase(std::next(before).base());
  }
  typed_.emplace_back(tenant, LastTyped{request.id, request.typed.hash, request.typed.bytes});
  if (typed_.size() > most_typed) typed_.pop_front();
}

// Requests that went as chats and are shown to be tasks by the chat that came behind them.
void Observer::unmask(const std::vector<Unmasked>& shown) {
  for (const Unmasked& each : shown) {
    ObservedRequest* const earlier = find(each.id);
    if (earlier == nullptr || earlier->done()) continue;
    --classes_[earlier->request_class()].requests;
    --classes_[earlier->request_class()].in_flight;
    earlier->found = shown_to_be(each, earlier->found);
    begin_counting(*earlier);
    work_[earlier->server].push_back({earlier->id, each.request_class, earlier->whole, {}});
  }
}

void Observer::begin_counting(const ObservedRequest& request) {
  ClassPicture& picture = classes_[request.request_class()];
  ++picture.requests;
  picture.most_at_once = std::max(picture.most_at_once, ++picture.in_flight);
}

void Observer::on_answer_head(HttpExchange& exchange, const RequestHead& fields, Time) {
  const auto open = open_.find(exchange.id);
  ObservedRequest* const request = find(exchange.id);
  if (open == open_.end() || request == nullptr) return;
  request->status = exchange.status;
  const std::string* const type = fields.field("Content-Type");
  const std::string* const encoding = fields.field("Content-Encoding");
  const bool plain = encoding == nullptr || equal_names(*encoding, "identity");
  const bool readable = plain && request->endpoint.dialect != Dialect::none && exchange.status / 100 == 2;
  open->second.watch = std::make_unique<AnswerWatch>(
      request->endpoint.dialect, type == nullptr ? std::string_view() : std::string_view(*type), readable);
}

void Observer::on_answer_body(HttpExchange& exchange, std::string_view bytes, Time now) {
  const auto open = open_.find(exchange.id);
  ObservedRequest* const request = find(exchange.id);
  if (open == open_.end() || request == nullptr || !open->second.watch) return;
  AnswerWatch& watch = *open->second.watch;
  request->bytes_down += bytes.size();
  const bool had_token = request->first_token.has_value();
  watch.feed(bytes, now);
  request->first_byte = watch.first_byte();
  request->first_token = watch.first_token();
  if (!had_token && request->first_token) know_waits(*request);
}

void Observer::on_ended(HttpExchange& exchange, Ending how, Time now) {
  auto open = open_.extract(exchange.id);
  ObservedRequest* const request = find(exchange.id);
  if (open.empty() || request == nullptr) return;
  request->how = how == Ending::whole || !exchange.left || how == Ending::gap ? how : Ending::client_left;
  request->ended = now;
  if (AnswerWatch* const watch = open.mapped().watch.get()) {
    watch->finish(how == Ending::whole);
    request->figures = watch->figures();
    request->failed = how == Ending::whole && watch->failed();
  }
  request->failed = request->failed || request->status >= 400;
  if (how != Ending::gap) doctor_.answered(*request);
  classifier_.ended(request->id, now);
  if (const auto work = work_.find(request->server); work != work_.end())
    for (Work& each : work->second)
      if (each.id == request->id) each.ended = now;
  count(*request);
  if (tell_) tell_(*request);
}

// Tasks at the same server between the chat's arrival and its first token. Where the server tells how long it
// computed the chat's own prompt, the rest is all that it can have waited.
void Observer::know_waits(ObservedRequest& chat) {
  const Lane lane = default_lane(chat.request_class());
  if (lane != Lane::interactive || !may_generate(chat.endpoint)) return;
  const auto work = work_.find(chat.server);
  if (work == work_.end()) return;
  Time covered = chat.whole;
  const Time until = *chat.first_token;
  for (const Work& each : work->second) {  // in the order of their beginnings
    const Time from = std::max(each.begun, chat.whole);
    const Time to = std::min(each.ended.value_or(until), until);
    if (to <= from || each.id == chat.id) continue;
    chat.waits.tasks.push_back({each.id, each.request_class, to - from});
    if (to > covered) {
      chat.waits.behind_tasks += to - std::max(from, covered);
      covered = to;
    }
  }
}

void Observer::count(const ObservedRequest& request) {
  ClassPicture& picture = classes_[request.request_class()];
  --picture.in_flight;
  picture.bytes_up += request.bytes_up;
  picture.bytes_down += request.bytes_down;
  if (request.how == Ending::client_left) ++picture.client_left;
  if (request.how == Ending::gap) ++picture.gaps;
  if (request.how == Ending::not_seen) ++picture.not_seen;
  if (request.failed || request.how == Ending::cut) ++picture.failed;
  if (request.first_token && !request.failed) picture.ttft.add(*request.first_token - request.whole);
  const UpstreamFigures& figures = request.figures;
  picture.prompt_tokens += figures.prompt_tokens.value_or(0);
  picture.cached_tokens += figures.cached_tokens.value_or(0);
  picture.generated_tokens += figures.generated_tokens.value_or(0);
  if (figures.generated_tokens || figures.prompt_tokens) ++picture.told_tokens;
  if (request.answered()) {
    ++picture.answered;
    picture.total.add(*request.ended - request.whole);
  }
  // What the chat waited for is known in full now that its figures are.
  ObservedRequest* const chat = find(request.id);
  if (!chat->waits.tasks.empty()) {
    if (figures.prompt_time) {
      const Duration own = *figures.prompt_time + figures.load_time.value_or(Duration{});
      const Duration rest = std::max(*chat->first_token - chat->whole - own, Duration{});
      chat->waits.behind_tasks = std::min(chat->waits.behind_tasks, rest);
    }
    chats_waited_ += chat->waits.behind_tasks;
    if (chat->waits.behind_tasks > Duration{}) ++chats_that_waited_;
    for (const WaitedFor& task : chat->waits.tasks) {
      WaitPicture& wait = waits_[task.request_class];
      ++wait.chats;
      wait.together += std::min(task.together, chat->waits.behind_tasks);
      wait.longest = std::max(wait.longest, std::min(task.together, chat->waits.behind_tasks));
    }
  }
  count_prefix(request);
}

void Observer::count_prefix(const ObservedRequest& request) {
  if (!request.prefix || request.prefix->earlier == 0) return;
  const PrefixFinding& finding = *request.prefix;
  ++prefix_.turns;
  if (finding.changed) {
    ++prefix_.changed;
    ++prefix_.first_changed[*finding.changed];
  }
  if (finding.fell_out) ++prefix_.fell_out;
  if (!finding.reused) return;
  ++prefix_.known;
  prefix_.could_reuse += finding.could_reuse;
  prefix_.reused += *finding.reused;
}

void Observer::forget_old() {
  if (options_.keep == 0) return;
  while (requests_.size() > options_.keep && requests_.front().done()) {
    requests_.pop_front();
    ++forgotten_;
  }
}

}  // namespace tasklane::observe
