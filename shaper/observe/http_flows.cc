#include "shaper/observe/http_flows.h"

#include <algorithm>
#include <utility>

namespace tasklane::observe {
namespace {

constexpr std::string_view answer_start = "HTTP/1.";

bool starts_answer(std::string_view bytes) { return bytes.starts_with(answer_start); }

// A method is letters alone (RFC 9110 section 9.1 allows more; nobody sends it). "HTTP/1.1 200" is none.
bool may_start_request(std::string_view bytes) {
  constexpr std::size_t longest_method = 16;
  std::size_t letters = 0;
  while (letters < bytes.size() && letters <= longest_method && bytes[letters] >= 'A' &&
         bytes[letters] <= 'Z')
    ++letters;
  if (letters > longest_method) return false;
  if (letters == bytes.size()) return true;
  return letters > 0 && bytes[letters] == ' ';
}

// With the line's end, or as much of the beginning of one as there is.
bool starts_request(std::string_view bytes) {
  if (!may_start_request(bytes)) return false;
  const std::size_t end = bytes.find("\r\n");
  return end == std::string_view::npos ? bytes.size() >= 4
                                       : parse_request_line(bytes.substr(0, end)).has_value();
}

}  // namespace

void HttpFlows::on_flow(FlowId id, const FlowNames& names, Time) {
  Flow& flow = flows_[id];
  flow.id = id;
  flow.names = names;
  if (names.seen_to_open) return;
  flow.requests = flow.answers = State::lost;
}

void HttpFlows::on_bytes(FlowId id, Side side, std::string_view bytes, const StreamPlace& place) {
  const auto found = flows_.find(id);
  if (found == flows_.end()) return;
  Flow& flow = found->second;
  if (!flow.client) {
    const bool answers = starts_answer(bytes);
    if (!answers && !may_start_request(bytes)) {
      if (!flow.names.seen_to_open) return;  // perhaps the middle of a message
      ++counts_.not_http;
      return switch_off(flow, place.at);
    }
    flow.client = answers ? other(side) : side;
  }
  // What had overtaken others has come when they have.
  StreamPlace in_order = place;
  Time& latest = side == *flow.client ? flow.latest_asked : flow.latest_answered;
  in_order.at = latest = std::max(latest, place.at);
  if (side == *flow.client)
    request_bytes(flow, bytes, in_order);
  else
    answer_bytes(flow, bytes, in_order);
}

void HttpFlows::request_bytes(Flow& flow, std::string_view bytes, const StreamPlace& place) {
  if (flow.requests == State::lost && !find_request(flow, bytes, place)) {
    flow.heard = std::max(flow.heard, place.acknowledged);
    return;
  }
  flow.heard = std::max(flow.heard, place.acknowledged);
  if (flow.requests == State::off) return;
  if (!flow.request) begin_request(flow, place);
  flow.request_held += bytes;
  scan_request(flow, place);
}

// A segment that begins with a request, and behind a hole only when the client has heard something since: it
// answers one message at a time, so nothing is under way.
bool HttpFlows::find_request(Flow& flow, std::string_view bytes, const StreamPlace& place) {
  if (!place.begins_segment || !starts_request(bytes)) return false;
  if (flow.any_answer_bytes && flow.heard_before_gap > 0 && place.acknowledged <= flow.heard_before_gap)
    return false;
  flow.requests = State::reading;
  flow.request.reset();
  flow.request_held.clear();
  return true;
}

void HttpFlows::begin_request(Flow& flow, const StreamPlace& place) {
  flow.request.emplace(limits_.head);
  flow.reading = std::make_unique<HttpExchange>();
  flow.reading->flow = flow.id;
  const bool opener = *flow.client == Side::opener;
  flow.reading->client = opener ? flow.names.opener : flow.names.acceptor;
  flow.reading->server = opener ? flow.names.acceptor : flow.names.opener;
  flow.reading->begun = place.at;
  flow.reading->offset = place.offset;
}

void HttpFlows::scan_request(Flow& flow, const StreamPlace& place) {
  for (;;) {
    const ScanResult scan = flow.request->feed(flow.request_held);
    const bool any_left = scan.consumed < flow.request_held.size();
    flow.request_held.erase(0, scan.consumed);
    if (scan.state == ScanState::head_done) {
      request_head_done(flow);
      if (!flow.request->is_done()) {
        if (!any_left) return;
        continue;
      }
    } else if (scan.state != ScanState::done) {
      if (scan.state == ScanState::need_more) {
        HttpExchange* const body =
            flow.reading == nullptr && !flow.queue.empty() ? flow.queue.back().get() : nullptr;
        if (body != nullptr && body->body.size() > limits_.body) {
          body->body_cut = true;
          flow.request->collect_into(nullptr);
          body->body = {};
        }
        return;
      }
      // Not HTTP, or nothing that can be read in one way.
      if (scan.state == ScanState::not_http && flow.names.seen_to_open && flow.reading->offset == 0) {
        ++counts_.not_http;
        return switch_off(flow, place.at);
      }
      return lose_request(flow);
    }
    request_done(flow, place);
    if (flow.requests != State::reading || flow.request_held.empty()) return;
    begin_request(flow, place);
    flow.reading->offset = place.offset + 1;  // behind another, in the same segment
  }
}

void HttpFlows::request_head_done(Flow& flow) {
  HttpExchange& exchange = *flow.reading;
  exchange.head = std::move(flow.request->head());
  flow.queue.push_back(std::move(flow.reading));
  const std::uint64_t length = flow.request->content_length().value_or(0);
  if (length > limits_.body || bodies_ > limits_.bodies)
    exchange.body_cut = true;
  else
    flow.request->collect_into(&exchange.body);
}

void HttpFlows::request_done(Flow& flow, const StreamPlace& place) {
  HttpExchange& exchange = *flow.queue.back();
  exchange.body_bytes = flow.request->body_bytes();
  exchange.whole = place.at;
  exchange.is_whole = true;
  exchange.id = ++last_id_;
  flow.request.reset();
  ++counts_.requests;
  const bool tunnel = exchange.head.method == "CONNECT";
  bodies_ += exchange.body.size();
  const std::size_t held = exchange.body.size();
  listener_.on_request(exchange);
  exchange.body = {};
  bodies_ -= held;
  if (tunnel) return switch_off(flow, place.at);
  if (flow.queue.size() > limits_.pipelined) return switch_off(flow, place.at);
  take_early(flow);
}

void HttpFlows::lose_request(Flow& flow) {
  const bool in_body = flow.request && flow.reading == nullptr;
  if (flow.request && (in_body || !flow.request_held.empty() || flow.request->is_header_done()))
    ++counts_.requests_given_up;
  if (in_body) flow.queue.pop_back();
  flow.request.reset();
  flow.reading.reset();
  flow.request_held.clear();
  flow.requests = State::lost;
  flow.heard_before_gap = std::max<std::uint64_t>(flow.heard, 1);
}

void HttpFlows::answer_bytes(Flow& flow, std::string_view bytes, const StreamPlace& place) {
  flow.any_answer_bytes = true;
  if (flow.answers == State::off) return;
  if (waits_for_request(flow) || !flow.early.empty()) return keep_early(flow, bytes, place);
  if (!flow.answer && !find_answer(flow, bytes, place)) return;
  flow.answer_held += bytes;
  scan_answer(flow, place);
}

// An answer to the front of the queue begins here: its server had heard of that request.
bool HttpFlows::find_answer(Flow& flow, std::string_view bytes, const StreamPlace& place) {
  HttpExchange& front = *flow.queue.front();
  const bool continues = !flow.answer_held.empty();
  if (!continues) {
    if (flow.answers == State::lost && !(place.begins_segment && starts_answer(bytes))) return false;
    if (place.acknowledged != 0 && place.acknowledged <= front.offset) {
      ++counts_.answers_without_request;
      flow.answers = State::lost;
      return false;
    }
  }
  flow.answers = State::reading;
  flow.answer.emplace(limits_.head);
  if (front.head.method == "HEAD") flow.answer->no_body();
  flow.answer->collect_into(&flow.answer_body);
  if (!front.answered) front.answered = place.at;
  return true;
}

void HttpFlows::scan_answer(Flow& flow, const StreamPlace& place) {
  while (flow.answer) {
    const ScanResult scan = flow.answer->feed(flow.answer_held);
    flow.answer_held.erase(0, scan.consumed);
    HttpExchange& front = *flow.queue.front();
    if (scan.state == ScanState::head_done) {
      const int status = flow.answer->status();
      if (status == 101) return switch_off(flow, place.at);
      if (status / 100 == 1) {  // an interim answer: the real one follows
        flow.answer.emplace(limits_.head);
        if (front.head.method == "HEAD") flow.answer->no_body();
        flow.answer->collect_into(&flow.answer_body);
        if (flow.answer_held.empty()) return;
        continue;
      }
      front.status = status;
      listener_.on_answer_head(front, flow.answer->head(), place.at);
      if (!flow.answer->is_done()) {
        if (flow.answer_held.empty()) return;
        continue;
      }
    } else if (scan.state != ScanState::need_more && scan.state != ScanState::done) {
      answer_done(flow, Ending::gap, place.at);
      flow.answers = State::lost;
      return;
    }
    if (!flow.answer_body.empty()) {
      listener_.on_answer_body(front, flow.answer_body, place.at);
      flow.answer_body.clear();
    }
    if (!flow.answer->is_done()) return;
    answer_done(flow, Ending::whole, place.at);
    if (flow.answer_held.empty()) return;
    // What follows in the same segment is the answer to the next request, or nobody's.
    std::string rest = std::move(flow.answer_held);
    flow.answer_held.clear();
    StreamPlace next = place;
    next.begins_segment = starts_answer(rest);
    return answer_bytes(flow, rest, next);
  }
}

void HttpFlows::answer_done(Flow& flow, Ending how, Time now) {
  const std::unique_ptr<HttpExchange> front = std::move(flow.queue.front());
  flow.queue.pop_front();
  flow.answer.reset();
  flow.answer_held.clear();
  flow.answer_body.clear();
  if (!front->is_whole) {  // the connection has ended in the middle of the request
    ++counts_.requests_given_up;
    flow.request.reset();
    flow.request_held.clear();
    flow.requests = State::lost;
    return;
  }
  if (how == Ending::gap) ++counts_.answers_given_up;
  listener_.on_ended(*front, how, std::max(now, front->whole));  // a capture need not be in order
}

bool HttpFlows::waits_for_request(const Flow& flow) {
  return flow.queue.empty() || !flow.queue.front()->is_whole;
}

// The directions of a capture need not be in order to each other: an answer may come before its request's
// end.
void HttpFlows::keep_early(Flow& flow, std::string_view bytes, const StreamPlace& place) {
  if (flow.answers == State::lost && flow.early.empty() && !(place.begins_segment && starts_answer(bytes)))
    return;
  flow.early_bytes += bytes.size();
  if (flow.early_bytes > limits_.early) {
    ++counts_.answers_without_request;
    flow.early.clear();
    flow.early_bytes = 0;
    flow.answers = State::lost;
    return;
  }
  flow.early.push_back({std::string(bytes), place});
}

void HttpFlows::take_early(Flow& flow) {
  std::vector<Early> early = std::exchange(flow.early, {});
  flow.early_bytes = 0;
  for (const Early& each : early) {
    if (flow.answers == State::off) return;
    if (waits_for_request(flow)) {
      keep_early(flow, each.bytes, each.place);
      continue;
    }
    if (!flow.answer && !find_answer(flow, each.bytes, each.place)) continue;
    flow.answer_held += each.bytes;
    scan_answer(flow, each.place);
  }
}

void HttpFlows::on_gap(FlowId id, Side side, std::uint64_t, Time now) {
  const auto found = flows_.find(id);
  if (found == flows_.end()) return;
  Flow& flow = found->second;
  if (!flow.client) {
    flow.requests = flow.answers = State::lost;
    return;
  }
  if (side == *flow.client) {
    if (flow.requests != State::off) lose_request(flow);
    return;
  }
  if (flow.answers == State::off) return;
  flow.early.clear();
  flow.early_bytes = 0;
  if (!waits_for_request(flow)) answer_done(flow, Ending::gap, now);
  flow.answers = State::lost;
}

void HttpFlows::on_end(FlowId id, Side side, Time now) {
  const auto found = flows_.find(id);
  if (found == flows_.end() || !found->second.client) return;
  Flow& flow = found->second;
  if (side == *flow.client) {
    for (const auto& exchange : flow.queue)
      if (!exchange->left) exchange->left = now;
    return;
  }
  if (flow.answer && flow.answer->is_header_done() && flow.answer->end_of_stream())
    return answer_done(flow, Ending::whole, now);
  close(flow, std::nullopt, now);
}

void HttpFlows::on_reset(FlowId id, Side side, Time now) {
  const auto found = flows_.find(id);
  if (found == flows_.end() || !found->second.client) return;
  Flow& flow = found->second;
  close(flow, side == *flow.client ? Ending::client_left : Ending::cut, now);
}

void HttpFlows::on_forgotten(FlowId id, Time now) {
  const auto found = flows_.find(id);
  if (found == flows_.end()) return;
  Flow& flow = found->second;
  if (flow.queue.empty() && !flow.early.empty()) ++counts_.answers_without_request;
  close(flow, Ending::not_seen, now);
  flows_.erase(found);
}

// All requests that still wait. `how`: none, cut by the server, unless their client had left.
void HttpFlows::close(Flow& flow, std::optional<Ending> how, Time now) {
  while (!flow.queue.empty()) {
    const HttpExchange& front = *flow.queue.front();
    const Ending usual = front.left ? Ending::client_left : Ending::cut;
    const bool known_to_leave = front.left.has_value() && how == Ending::not_seen;
    answer_done(flow, known_to_leave ? Ending::client_left : how.value_or(usual), front.left.value_or(now));
  }
  flow.answers = State::lost;
}

// A tunnel, or nothing that is read here.
void HttpFlows::switch_off(Flow& flow, Time now) {
  close(flow, Ending::not_seen, now);
  flow.requests = flow.answers = State::off;
  flow.request.reset();
  flow.reading.reset();
  flow.request_held = {};
  flow.answer_held = {};
  flow.early.clear();
}

}  // namespace tasklane::observe
