#include "shaper/task/answer_cache.h"

#include <iterator>

namespace tasklane {
namespace {

// What an entry takes beside its text, about.
constexpr std::size_t overhead = 1024;

}  // namespace

void AnswerCache::keep(const Key& key, std::shared_ptr<const Answer> answer, Time until) {
  if (!answer->tool_calls.empty() || answer->finish_reason == "length") return;
  const std::size_t bytes = answer->content.size() + answer->thinking.size() + key.server.size() + overhead;
  if (bytes > limit_) return;
  if (const auto known = by_key_.find(key); known != by_key_.end()) remove(known->second);
  while (bytes_ + bytes > limit_) remove(std::prev(entries_.end()));
  entries_.push_front(Entry{key, std::move(answer), until, bytes});
  by_key_[key] = entries_.begin();
  bytes_ += bytes;
}

std::shared_ptr<const Answer> AnswerCache::find(const Key& key, Time now) {
  const auto known = by_key_.find(key);
  if (known == by_key_.end()) return nullptr;
  const auto entry = known->second;
  if (now >= entry->until) {
    remove(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->answer;
}

void AnswerCache::sweep(Time now) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (now >= entry->until) remove(entry);
    entry = next;
  }
}

void AnswerCache::remove(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  by_key_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace tasklane
