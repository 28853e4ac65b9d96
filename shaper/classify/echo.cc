#include "shaper/classify/echo.h"

#include <algorithm>

#include "shaper/base/trimmed.h"
#include "shaper/classify/written_chat.h"

namespace tasklane {
namespace {

constexpr std::string_view fence = "\"\"\"";  // around each message in the old tool selection

// What is searched of a prompt: instructions and the newest messages stand at its ends.
constexpr std::size_t searched_at_start = 16U << 10;
constexpr std::size_t searched_at_end = 48U << 10;
constexpr std::size_t candidates_kept = 64;
constexpr std::size_t messages_of_a_chat = 8;   // the last ones; tasks quote six at most, and the first
constexpr std::size_t short_prompt = 4U << 10;  // a title's; a compaction's is longer
constexpr double title_tokens = 100;            // releases that ask for plain titles cap them at 50

std::uint64_t mixed_key(std::initializer_list<std::uint64_t> parts) {
  std::uint64_t key = 0x9E3779B97F4A7C15ULL;
  for (const std::uint64_t part : parts) {
    key = (key ^ part) * 0xD6E8FEB86659FD93ULL;
    key ^= key >> 32U;
  }
  return key;
}

bool contains(const std::vector<WindowHash>& list, WindowHash hash) {
  return std::find(list.begin(), list.end(), hash) != list.end();
}

template <class Visit>
void each_searched(std::string_view text, Visit visit) {
  if (text.size() <= searched_at_start + searched_at_end) return visit(text, 0);
  visit(text.substr(0, searched_at_start), 0);
  const std::size_t from = text.size() - searched_at_end;
  visit(text.substr(from), from);
}

// What is said behind a label, as far as anything is looked for in it.
constexpr std::size_t label_window = 4U << 10;

}  // namespace

double score_of(const QuoteEvidence& e) {
  constexpr std::size_t a_sentence = 24;  // bytes; less may stand in any text
  constexpr std::size_t a_long_sentence = 48;
  if (e.bytes == 0 || e.alone) return 0;
  if (e.asks_in_quote) return 0.3;
  if (e.asks) {
    if (e.rendered) return 0.95;
    if (!e.from_chat) return 0.2;
    if (e.bytes >= a_sentence) return 0.9;
    return e.whole && e.bytes >= window_bytes ? 0.7 : 0.3;
  }
  if (e.compaction_like || e.starts_with || !e.from_chat) return 0.3;
  if (e.rendered) return 0.8;
  return e.whole && e.bytes >= a_long_sentence && e.recent && !e.much_more ? 0.6 : 0.3;
}

Echo::Echo(std::uint64_t secret_low, std::uint64_t secret_high, EchoOptions options)
    : options_(options), hasher_(secret_low, secret_high) {}

std::uint64_t Echo::key_of(std::string_view text) const { return hasher_.hash(text) | 1U; }

Echo::Frame Echo::frame_of(std::string_view text) const {
  Frame frame;
  frame.length = text.size();
  frame.first_window = hasher_.first_window(text);
  each_label(text, user_label, [&](std::size_t at) {
    ++frame.user_lines;
    if (frame.rendered.size() >= 2 * candidates_kept) return;
    std::string_view said = text.substr(at + user_label.size(), label_window);
    if (said.starts_with(fence)) said.remove_prefix(fence.size());
    std::string_view line = said.substr(0, said.find('\n'));
    if (line.ends_with(fence)) line.remove_suffix(fence.size());
    line = trimmed(line);
    // One that is a window long is short and not: a window's hash is none of a whole.
    if (!line.empty() && line.size() <= window_bytes) frame.rendered.push_back(hasher_.hash(line));
    said.remove_prefix(std::min(said.find_first_not_of(" \t\r\n"), said.size()));
    if (const WindowHash first = hasher_.first_window(said); first != 0) frame.rendered.push_back(first);
  });
  each_label(text, assistant_label, [&](std::size_t) { frame.assistant_lines = true; });
  return frame;
}

// The messages whose first or last window is among those of the prompt's ends.
std::vector<Echo::Slot> Echo::candidates_in(std::string_view text, Tenant tenant, const Frame& frame) const {
  std::vector<Slot> candidates;
  const auto looked_up = [&](const Window& one) {
    const auto found = by_window_.find(one.hash);
    if (found != by_window_.end())
      std::copy_if(found->second.begin(), found->second.end(), std::back_inserter(candidates),
                   [&](Slot slot) { return known_[slot - first_slot_].owner.tenant == tenant; });
    return candidates.size() < candidates_kept;
  };
  each_searched(text, [&](std::string_view part, std::size_t) {
    if (candidates.size() < candidates_kept) hasher_.each_of(filter_, part, looked_up);
  });
  for (const WindowHash hash : frame.rendered) {
    const auto whole = by_whole_.find(mixed_key({hash, tenant.value()}));
    if (whole != by_whole_.end()) candidates.push_back(whole->second);
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

WindowSet Echo::windows_of(std::string_view text) const {
  std::vector<Window> windows;
  windows.reserve(std::min(text.size(), searched_at_start + searched_at_end) / 2);
  each_searched(
      text, [&](std::string_view part, std::size_t shift) { hasher_.windows_into(windows, part, shift); });
  return WindowSet(windows);
}

// Those alone that one of these messages has: for a prompt that no later chat is held against.
WindowSet Echo::windows_of(std::string_view text, const std::vector<Slot>& candidates) const {
  WindowFilter wanted;
  for (const Slot slot : candidates) {
    const MessagePrint& print = known_[slot - first_slot_].print;
    std::for_each_n(print.windows.begin(), print.count, [&](WindowHash hash) { wanted.mark(hash); });
  }
  std::vector<Window> windows;
  each_searched(text, [&](std::string_view part, std::size_t shift) {
    hasher_.each_of(wanted, part, [&](const Window& one) {
      windows.push_back({one.hash, one.place + shift});
      return true;
    });
  });
  return WindowSet(windows);
}

QuoteEvidence Echo::judge(const Known& known, const Frame& frame, const Asking& asking, Time now) {
  constexpr Duration just_now = std::chrono::minutes(2);
  constexpr std::size_t instructions = 2048;  // bytes that a template may have around a quote
  const MessagePrint& print = known.print;
  QuoteEvidence evidence;
  const bool is_short = print.count == 0;  // then only a rendered line can show it
  evidence.rendered = contains(frame.rendered, is_short ? print.whole : print.windows[0]);
  const Overlap overlap =
      is_short ? Overlap{true, evidence.rendered ? print.length : 0} : overlap_of(print, frame.windows);
  evidence.whole = overlap.whole;
  evidence.bytes = overlap.bytes;
  evidence.from_chat = known.surely;
  evidence.asks = asking.asks;
  evidence.asks_in_quote = asking.asks && known.braces && !evidence.rendered;
  evidence.recent = now - known.seen <= just_now;
  evidence.alone = frame.length < print.length + window_bytes && overlap.whole;
  evidence.starts_with = !is_short && print.windows[0] == frame.first_window;
  evidence.much_more = frame.length > std::size_t{2} * print.length + instructions;
  const bool titled = frame.length <= short_prompt && frame.user_lines == 1 &&
                      asking.token_limit.value_or(title_tokens) <= title_tokens;
  evidence.compaction_like = (frame.user_lines > 0 || frame.assistant_lines) && !titled;
  return evidence;
}

// Of the whole message and its tenant: two people may say the same.
WindowHash Echo::whole_key(const Known& known) const {
  return mixed_key({known.print.whole, known.owner.tenant.value()});
}

Found Echo::find(const EchoPrompt& prompt, RequestId id, Time now) {
  const std::string_view text = trimmed(prompt.text);
  Frame frame = frame_of(text);
  const std::vector<Slot> candidates = candidates_in(text, prompt.tenant, frame);
  if (!candidates.empty()) frame.windows = id == 0 ? windows_of(text, candidates) : windows_of(text);
  Found found;
  std::vector<Slot> quoted;
  for (const Slot slot : candidates) {
    const Known& known = known_[slot - first_slot_];
    if (known.owner.tenant != prompt.tenant || now - known.seen > options_.keep) continue;
    const QuoteEvidence evidence = judge(known, frame, prompt.asking, now);
    if (evidence.bytes > 0) quoted.push_back(slot);
    const double score = score_of(evidence);
    // Of several messages the longest quote names the chat, the newest where they are equally long.
    const bool better = !found.quote || score > found.quote->score ||
                        (score == found.quote->score && evidence.bytes >= found.quote->evidence.bytes);
    if (score > 0 && better) found.quote = Quote{known.owner, score, evidence, {}};
  }
  if (found.quote)
    if (const auto chat = chats_.find(found.quote->owner.request); chat != chats_.end())
      found.quote->chat_ended = chat->second.ended;
  found.shape = shape_of(prompt, text, frame, quoted);
  if (id == 0) return found;
  // What look_back() holds against a chat; most prompts have neither.
  const bool is_looked_at = found.shape != 0 || prompt.asking.exact == RequestClass::title;
  if (is_looked_at && candidates.empty()) frame.windows = windows_of(text);
  waiting_.push_back(
      {id, prompt.tenant, std::move(frame), prompt.asking, found.shape, now, false, false, {}});
  if (waiting_.size() > options_.waiting) waiting_.pop_front();
  return found;
}

// What is left of the prompt where the quotes are taken out: messages that are quoted whole, and the lines of
// a conversation. A message that was cut leaves its middle, and a shape that never comes again.
std::uint64_t Echo::shape_of(const EchoPrompt& prompt, std::string_view text, const Frame& frame,
                             const std::vector<Slot>& quoted) const {
  std::vector<std::pair<std::size_t, std::size_t>> cuts;
  const PromptEnds ends = ends_of(text);
  if (ends.before.size() < text.size())
    cuts.emplace_back(ends.before.size(), text.size() - ends.behind.size());
  for (const Slot slot : quoted) {
    const MessagePrint& print = known_[slot - first_slot_].print;
    if (print.count == 0) continue;
    frame.windows.each_place(print.windows[0],
                             [&](std::size_t at) { cuts.emplace_back(at, at + print.length); });
  }
  if (cuts.empty()) return 0;
  std::sort(cuts.begin(), cuts.end());
  std::string around(prompt.system);
  std::size_t at = 0;
  for (const auto& [begin, end] : cuts) {
    if (begin > at) around.append("\x1f").append(trimmed(text.substr(at, begin - at)));
    at = std::max(at, std::min(end, text.size()));
  }
  around.append("\x1f").append(trimmed(text.substr(at)));
  return key_of(around);
}

void Echo::chat_ended(RequestId id, Time now) {
  if (const auto chat = chats_.find(id); chat != chats_.end()) chat->second.ended = now;
  for (Waiting& waiting : waiting_)
    if (waiting.id == id) waiting.end_unknown = true;
}

void Echo::ended(RequestId id, Time now) {
  chat_ended(id, now);
  for (Waiting& waiting : waiting_) {
    if (waiting.id != id) continue;
    waiting.ended = true;
    waiting.ended_at = now;
  }
}

std::optional<ChatOwner> Echo::owner_of(Tenant tenant, std::string_view message, Time now) const {
  const auto found = by_whole_.find(mixed_key({hasher_.hash(trimmed(message)), tenant.value()}));
  if (found == by_whole_.end()) return std::nullopt;
  const Known& known = known_[found->second - first_slot_];
  if (now - known.seen > options_.keep) return std::nullopt;
  return known.owner;
}

Echo::Known Echo::known_of(std::string_view text, bool surely, const ChatOwner& owner, Time now) const {
  Known known;
  // A chat says all that it said before with each turn.
  const auto before = by_whole_.find(mixed_key({hasher_.hash(trimmed(text)), owner.tenant.value()}));
  known.print = before == by_whole_.end() ? hasher_.print(text) : known_[before->second - first_slot_].print;
  known.owner = owner;
  known.surely = surely;
  known.braces = text.find('{') != std::string_view::npos;
  known.seen = now;
  return known;
}

Late Echo::remember(const BodyFacts& chat, bool surely, const ChatOwner& owner, double threshold, Time now) {
  forget_old(now);
  chats_[owner.request] = {now, std::nullopt};
  std::size_t skipped =
      chat.messages.size() > messages_of_a_chat ? chat.messages.size() - messages_of_a_chat : 0;
  bool first_user = true;
  said_.clear();
  std::size_t last = 0;  // where the last user message stands, and the person's words in it
  std::size_t behind_last = 0;
  for (const Message& message : chat.messages) {
    const bool from_user = message.role == Role::user;
    const bool wanted = skipped == 0 || (from_user && first_user);
    if (skipped > 0) --skipped;
    if (from_user) first_user = false;
    if (!wanted || (!from_user && message.role != Role::assistant)) continue;
    said_.push_back(known_of(message.text, surely, owner, now));
    if (said_.back().print.length == 0)
      said_.pop_back();
    else if (from_user) {
      last = said_.size() - 1;
      if (const std::string_view inner = inner_question(message.text); !inner.empty())
        said_.push_back(known_of(inner, surely, owner, now));
      behind_last = said_.size();
    }
  }
  Late late;
  look_back(std::span(said_).subspan(last, behind_last - last), owner, threshold, now, late);
  for (const Known& known : said_) keep(known);
  return late;
}

// Whether somebody may have waited for the request before saying what the chat says: it runs, or has just
// ended.
bool Echo::right_before(const Waiting& waiting, Time chat) {
  constexpr Duration sent = std::chrono::seconds(2);
  constexpr Duration answered = std::chrono::seconds(1);
  if (chat - waiting.since <= sent) return true;
  if (waiting.ended) return chat - waiting.ended_at <= answered;
  return !waiting.end_unknown;
}

// At the requests that quote what this chat says. A request that came before its chat is its title, where it
// asks for exactly that and has just come; any other somebody waits for, or may.
void Echo::look_back(std::span<const Known> said, const ChatOwner& owner, double threshold, Time now,
                     Late& late) {
  std::erase_if(waiting_, [&](const Waiting& waiting) {
    if (waiting.id == owner.request || waiting.tenant != owner.tenant) return false;
    if (waiting.shape != 0 && right_before(waiting, now)) late.before.push_back(waiting.shape);
    const bool may_be_title = waiting.asking.exact == RequestClass::title && !waiting.ended &&
                              now - waiting.since <= options_.settle;
    for (const Known& known : said) {
      const bool may_refute = waiting.shape != 0 && !by_whole_.contains(whole_key(known));
      if (!may_be_title && !may_refute) continue;  // to judge is what takes long
      const QuoteEvidence evidence = judge(known, waiting.frame, waiting.asking, now);
      if (evidence.bytes > 0 && may_refute) late.refuted.push_back(waiting.shape);
      if (!may_be_title || evidence.asks_in_quote || score_of(evidence) < threshold) continue;
      late.unmasked.push_back({waiting.id, RequestClass::title, Certainty::contract});
      return true;
    }
    return false;
  });
}

void Echo::keep(const Known& known) {
  constexpr std::size_t slots_per_window = 32;  // a phrase that many messages share tells nothing
  const auto seen = by_whole_.find(whole_key(known));
  if (seen != by_whole_.end()) {
    Known& old = known_[seen->second - first_slot_];
    const bool surely = known.surely || old.surely;
    old = known;
    old.surely = surely;
    return;
  }
  const Slot slot = first_slot_ + static_cast<Slot>(known_.size());
  by_whole_.emplace(whole_key(known), slot);
  for (const std::uint32_t i : {std::uint32_t{0}, known.print.count - 1}) {
    if (known.print.count == 0) break;
    std::vector<Slot>& slots = by_window_[known.print.windows[i]];
    if (!slots.empty() && slots.back() == slot) continue;
    if (slots.size() >= slots_per_window) slots.erase(slots.begin());
    slots.push_back(slot);
    filter_.mark(known.print.windows[i]);
  }
  known_.push_back(known);
  if (known_.size() > options_.messages) forget_first();
}

void Echo::forget_old(Time now) {
  while (!known_.empty() && now - known_.front().seen > options_.keep) forget_first();
  while (!waiting_.empty() && now - waiting_.front().since > options_.wait) waiting_.pop_front();
  while (!chats_.empty() && now - chats_.begin()->second.begun > options_.keep) chats_.erase(chats_.begin());
  if (forgotten_ > options_.messages / 4) remake_filter();
}

void Echo::forget_first() {
  const MessagePrint& print = known_.front().print;
  by_whole_.erase(whole_key(known_.front()));
  for (const std::uint32_t i : {std::uint32_t{0}, print.count - 1}) {
    if (print.count == 0) break;
    const auto found = by_window_.find(print.windows[i]);
    if (found == by_window_.end()) continue;
    std::erase(found->second, first_slot_);
    if (found->second.empty()) by_window_.erase(found);
  }
  known_.pop_front();
  ++first_slot_;
  ++forgotten_;
}

void Echo::remake_filter() {
  filter_.clear();
  for (const auto& [hash, slots] : by_window_) filter_.mark(hash);
  forgotten_ = 0;
}

}  // namespace tasklane
