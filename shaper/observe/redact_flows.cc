#include "shaper/observe/redact_flows.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "shaper/dialect/quoted.h"

namespace tasklane::observe {
namespace {

constexpr std::uint32_t longest_head = 64U << 10U;
constexpr std::size_t longest_message = std::size_t{32} << 20U;  // a longer one is replaced to the last byte

bool begins_answer(std::string_view text) { return text.starts_with("HTTP/1."); }
bool begins_request(std::string_view text) {
  const std::size_t space = text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
  return space != std::string_view::npos && space > 0 && space <= 16 && text[space] == ' ';
}

// Where the data of a chunked body stands in it, which the scanner has judged; the rest is framing.
Spans chunk_data(std::string_view body) {
  Spans spans;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t line = body.find('\n', at);
    if (line == std::string_view::npos) break;
    const std::size_t size = std::strtoull(std::string(body.substr(at, 17)).c_str(), nullptr, 16);
    if (size == 0) break;
    const std::size_t begin = line + 1;
    const std::size_t end = std::min(body.size(), begin + std::min(size, body.size()));
    spans.emplace_back(begin, end);
    at = std::min(body.size(), end + 2);
  }
  return spans;
}

// Of what stands between the data of chunks the sizes stay, and of trailers that they are fields.
void replace_framing(std::string& text, std::size_t begin, const Spans& data) {
  constexpr std::string_view size_letters = "0123456789abcdefABCDEF";
  std::size_t at = begin;
  for (std::size_t i = 0; i <= data.size(); ++i) {
    const std::size_t end = i < data.size() ? begin + data[i].first : text.size();
    bool size_seen = false, in_size = true;
    for (; at < end; ++at) {
      const char c = text[at];
      if (c == '\r' || c == '\n') {
        in_size = !size_seen;
        continue;
      }
      const bool is_size = in_size && size_letters.find(c) != std::string_view::npos;
      size_seen = size_seen || is_size;
      if (!is_size) in_size = false;
      if (!is_size && c != ':' && c != ';') text[at] = 'x';
    }
    if (i < data.size()) at = begin + data[i].second;
  }
}

void find_all(std::string_view text, std::string_view what, Spans& spans) {
  for (std::size_t at = text.find(what); !what.empty() && at != std::string_view::npos;
       at = text.find(what, at + 1))
    spans.emplace_back(at, at + what.size());
}

void find_pattern(std::string_view text, const re2::RE2& pattern, Spans& spans) {
  constexpr std::size_t longest = 160;
  if (pattern.pattern().find(".*") != std::string::npos) return;
  re2::StringPiece found;
  const re2::StringPiece all(text.data(), text.size());
  for (std::size_t from = 0;
       from <= text.size() && pattern.Match(all, from, text.size(), re2::RE2::UNANCHORED, &found, 1);) {
    const auto begin = static_cast<std::size_t>(found.data() - text.data());
    if (found.size() <= longest) spans.emplace_back(begin, begin + found.size());
    from = begin + std::max<std::size_t>(found.size(), 1);
  }
}

}  // namespace

RedactedFlows::RedactedFlows(std::vector<std::shared_ptr<const Pack>> packs, std::uint64_t secret_low,
                             std::uint64_t secret_high)
    : packs_(std::move(packs)),
      hasher_(secret_low, secret_high),
      text_(hasher_),
      classifier_(packs_, {0.5, secret_low, secret_high}) {}

void RedactedFlows::on_flow(FlowId id, const FlowNames& names, Time) { flows_[id].names = names; }

void RedactedFlows::on_bytes(FlowId id, Side side, std::string_view bytes, const StreamPlace& place) {
  Flow& flow = flows_[id];
  Direction& direction = flow.directions[index(side)];
  direction.message += bytes;
  read(flow, side, place);
}

void RedactedFlows::on_gap(FlowId id, Side side, std::uint64_t bytes, Time) {
  Direction& direction = flows_[id].directions[index(side)];
  lose(direction);
  direction.done.append(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, longest_message)), 'x');
}

void RedactedFlows::on_end(FlowId id, Side side, Time now) {
  Flow& flow = flows_[id];
  Direction& direction = flow.directions[index(side)];
  if (!direction.message.empty())
    replace_message(direction, flow.client == side, direction.message.size(), flow, now);
}

void RedactedFlows::on_reset(FlowId id, Side, Time now) { finish(flows_[id], now); }

void RedactedFlows::on_forgotten(FlowId id, Time now) {
  Flow& flow = flows_[id];
  finish(flow, now);
  flow.over = true;
}

void RedactedFlows::finish(Flow& flow, Time now) {
  for (const Side side : {Side::opener, Side::acceptor}) {
    Direction& direction = flow.directions[index(side)];
    if (!direction.message.empty())
      replace_message(direction, flow.client == side, direction.message.size(), flow, now);
    direction.lost = true;
  }
}

void RedactedFlows::settle(FlowId id) {
  if (const auto found = flows_.find(id); found != flows_.end())
    for (Direction& direction : found->second.directions) lose(direction);
}

// What is left of the message says nothing for sure.
void RedactedFlows::lose(Direction& direction) {
  TextRedactor::all(direction.message, 0, direction.message.size());
  direction.done += direction.message;
  direction.message.clear();
  direction.fed = direction.head = 0;
  direction.request.reset();
  direction.answer.reset();
  direction.lost = true;
}

// A message begins here, or nothing that is read.
bool RedactedFlows::begin(Flow& flow, Side side, const StreamPlace& place) {
  Direction& direction = flow.directions[index(side)];
  const bool answers = begins_answer(direction.message);
  const bool asks = !answers && begins_request(direction.message);
  if (!answers && !asks) return false;
  if (direction.lost && !place.begins_segment) return false;
  if (!flow.client) flow.client = asks ? side : other(side);
  if (asks != (*flow.client == side)) return false;
  direction.lost = false;
  if (asks) {
    direction.request.emplace(longest_head);
  } else {
    direction.answer.emplace(longest_head);
    if (!flow.heads_alone.empty() && flow.heads_alone.front()) direction.answer->no_body();
  }
  return true;
}

template <class Scanner>
bool RedactedFlows::scan(Direction& direction, std::optional<Scanner>& scanner, bool& whole) {
  const ScanResult result = scanner->feed(std::string_view(direction.message).substr(direction.fed));
  direction.fed += result.consumed;
  if (result.state == ScanState::head_done) direction.head = direction.fed;
  whole = result.state == ScanState::done || (result.state == ScanState::head_done && scanner->is_done());
  if (result.state != ScanState::need_more && result.state != ScanState::done &&
      result.state != ScanState::head_done) {
    lose(direction);
    return false;
  }
  return whole || (result.state == ScanState::head_done && direction.fed < direction.message.size());
}

void RedactedFlows::read(Flow& flow, Side side, const StreamPlace& place) {
  Direction& direction = flow.directions[index(side)];
  for (StreamPlace here = place; !direction.message.empty(); here.begins_segment = true) {
    const bool begun = direction.request || direction.answer;
    constexpr std::size_t longest_method = 17;
    if (!begun && !flow.off && !direction.lost && direction.message.size() < longest_method)
      return;  // too little to tell
    if (flow.off || (!begun && !begin(flow, side, here)) || direction.message.size() > longest_message)
      return lose(direction);
    bool whole = false;
    const bool asks = direction.request.has_value();
    while (asks ? scan(direction, direction.request, whole) : scan(direction, direction.answer, whole))
      if (whole) break;
    if (!whole) return;
    replace_message(direction, asks, direction.fed, flow, place.at);
  }
}

void RedactedFlows::replace_message(Direction& direction, bool is_request, std::size_t length, Flow& flow,
                                    Time now) {
  if (!direction.request && !direction.answer) return lose(direction);
  std::string text = direction.message.substr(0, length);
  direction.message.erase(0, length);
  if (direction.head == 0) {
    text_.head(text, 0, text.size());
  } else if (is_request) {
    const RequestHead fields = direction.request->head();
    replace_request(text, direction.head, fields, flow, now);
    flow.heads_alone.push_back(fields.method == "HEAD");
    if (fields.method == "CONNECT") flow.off = true;
  } else {
    const RequestHead fields = direction.answer->head();
    const int status = direction.answer->status();
    text_.head(text, 0, direction.head);
    replace_body(text, direction.head, direction.answer->chunked(), fields, nullptr);
    if (status == 101) flow.off = true;
    if (status / 100 != 1 && !flow.heads_alone.empty()) flow.heads_alone.pop_front();
  }
  direction.done += text;
  direction.fed = direction.head = 0;
  direction.request.reset();
  direction.answer.reset();
}

void RedactedFlows::replace_request(std::string& text, std::size_t head, const RequestHead& fields,
                                    const Flow& flow, Time now) {
  const Endpoint endpoint = endpoint_of(fields.method, fields.target);
  std::string body;
  const bool chunked = framing_of(fields.fields, 11).chunked;
  if (chunked)
    for (const auto& [begin, end] : chunk_data(std::string_view(text).substr(head)))
      body += text.substr(head + begin, end - begin);
  else
    body = text.substr(head);
  const BodyFacts* facts = has_prompt(endpoint) ? &reader_.read(body, endpoint.dialect) : nullptr;
  const std::string client =
      address_text((flow.client == Side::opener ? flow.names.opener : flow.names.acceptor).address);
  const Classification found =
      classifier_.classify({++last_id_, fields, endpoint, facts, client, now, false});
  classifier_.chat_ended(last_id_, now);
  text_.head(text, 0, head);
  replace_body(text, head, chunked, fields, [&](std::string_view prompt) { return kept_of(found, prompt); });
}

// What tells a task's class: the marks of its entry, and the JSON that it asks for. All of it stands outside
// of what is quoted.
Spans RedactedFlows::kept_of(const Classification& found, std::string_view text) const {
  Spans spans = frames_in(text);
  const bool task = is_task(found.request_class) || found.evidence == Evidence::pack;
  if (!task) return spans;
  Spans marked;
  for (const auto& pack : packs_) {
    for (const std::string& opening : pack->history_opens) find_all(text, opening, spans);
    for (const auto* list : {&pack->entries, &pack->chats})
      for (const PackEntry& entry : *list) {
        if (pack->name + "/" + entry.name != found.mark) continue;
        for (const Mark& mark : entry.marks) {
          if (mark.pattern) find_pattern(text, *mark.pattern, marked);
          if (mark.asks.empty() && !mark.pattern) find_all(text, mark.text, marked);
        }
      }
  }
  const std::string_view history = quoted_history(text);
  const std::size_t from =
      history.data() == nullptr ? text.size() : static_cast<std::size_t>(history.data() - text.data());
  const std::size_t to = history.data() == nullptr ? text.size() : from + history.size();
  constexpr std::size_t who_speaks = 12;  // "ASSISTANT: ", which may stand at the end of a mark
  const auto outside = [&](std::size_t at) { return at < from || at >= to; };
  for (const auto& [begin, end] : marked)
    if (outside(begin)) spans.emplace_back(begin, begin < from ? std::min(end, from + who_speaks) : end);
  const std::string_view key = class_row(found.request_class).contract.key;
  if (key.empty()) return spans;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!outside(at)) continue;
    if (std::string_view("{}[]\":").find(text[at]) != std::string_view::npos) spans.emplace_back(at, at + 1);
    if (text.substr(at).starts_with(key) && at > 0 &&
        std::string_view("\"'`").find(text[at - 1]) != std::string_view::npos)
      spans.emplace_back(at, at + key.size());
  }
  return spans;
}

void RedactedFlows::replace_body(std::string& text, std::size_t begin, bool chunked,
                                 const RequestHead& fields,
                                 const std::function<Spans(std::string_view)>& stays) const {
  const std::string* const encoding = fields.field("Content-Encoding");
  const std::string* const type = fields.field("Content-Type");
  const bool plain = encoding == nullptr || equal_names(*encoding, "identity");
  std::string_view body = std::string_view(text).substr(begin);
  const Spans data = chunked ? chunk_data(body) : Spans{{0, body.size()}};
  std::string inside;
  for (const auto& [from, to] : data) inside += body.substr(from, to - from);
  const std::size_t first = inside.find_first_not_of(" \t\r\n");
  const bool stream = type != nullptr && type->starts_with("text/event-stream");
  const bool json = first != std::string::npos && (inside[first] == '{' || inside[first] == '[');
  if (plain && stream) {
    for (std::size_t at = 0; at < inside.size();) {
      const std::size_t end = std::min(inside.find('\n', at), inside.size());
      const std::string_view line = std::string_view(inside).substr(at, end - at);
      if (line.starts_with("data: {") || line.starts_with("data:{"))
        text_.json(inside, at + 5, end, nullptr);
      else if (!line.starts_with("data: [DONE]") && !(line.starts_with("event: ") && line.size() < 60))
        TextRedactor::all(inside, at, end);
      at = end + 1;
    }
  } else if (plain && json) {
    text_.json(inside, 0, inside.size(), stays);
  } else {
    TextRedactor::all(inside, 0, inside.size());
  }
  std::size_t at = 0;
  for (const auto& [from, to] : data) {
    text.replace(begin + from, to - from, inside, at, to - from);
    at += to - from;
  }
  if (chunked) replace_framing(text, begin, data);
}

std::uint64_t RedactedFlows::known_to(FlowId id, Side side) const {
  const auto found = flows_.find(id);
  if (found == flows_.end()) return UINT64_MAX;
  const Direction& direction = found->second.directions[index(side)];
  return found->second.over ? UINT64_MAX : direction.base + direction.done.size();
}

std::string RedactedFlows::bytes(FlowId id, Side side, std::uint64_t offset, std::size_t count) const {
  std::string result(count, 'x');
  const auto found = flows_.find(id);
  if (found == flows_.end()) return result;
  const Direction& direction = found->second.directions[index(side)];
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t at = offset + i;
    if (at >= direction.base && at - direction.base < direction.done.size())
      result[i] = direction.done[static_cast<std::size_t>(at - direction.base)];
  }
  return result;
}

void RedactedFlows::forget_before(FlowId id, Side side, std::uint64_t offset) {
  constexpr std::uint64_t behind = 1U << 20U;  // what may come again is not far back
  const auto found = flows_.find(id);
  if (found == flows_.end()) return;
  Direction& direction = found->second.directions[index(side)];
  if (offset < direction.base + 4 * behind) return;
  const std::uint64_t drop = std::min<std::uint64_t>(offset - behind - direction.base, direction.done.size());
  direction.done.erase(0, static_cast<std::size_t>(drop));
  direction.base += drop;
}

bool RedactedFlows::is_over(FlowId id) const {
  const auto found = flows_.find(id);
  return found == flows_.end() || found->second.over;
}

}  // namespace tasklane::observe
