// Answers of tasks, kept for a short time in memory: the same question again needs no model. Bounded in
// bytes; the least recently used goes first.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "shaper/base/time.h"
#include "shaper/base/units.h"
#include "shaper/dialect/answer.h"
#include "shaper/dialect/canonical.h"

namespace tasklane {

class AnswerCache {
 public:
  struct Key {
    std::string server;
    CanonicalKey question;
    auto operator<=>(const Key& other) const {
      return std::tie(question.low, question.high, server) <=>
             std::tie(other.question.low, other.question.high, other.server);
    }
    bool operator==(const Key&) const = default;
  };

  explicit AnswerCache(ByteSize limit = {4ULL << 20}) : limit_(limit.bytes) {}

  // Only what the model has said to its end: no answer that broke off, none that a token limit cut.
  void keep(const Key& key, std::shared_ptr<const Answer> answer, Time until);
  [[nodiscard]] std::shared_ptr<const Answer> find(const Key& key, Time now);
  // Forgets what no longer serves.
  void sweep(Time now);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Key key;
    std::shared_ptr<const Answer> answer;
    Time until;
    std::size_t bytes = 0;
  };
  void remove(std::list<Entry>::iterator entry);

  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // most recently used first
  std::map<Key, std::list<Entry>::iterator> by_key_;
};

}  // namespace tasklane
