// What the objects of an answer add to it, one after the other, whatever the dialect: the ear of the
// dialects' `take`. Not thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shaper/dialect/answer.h"

namespace tasklane {

class AnswerIntake {
 public:
  // `keeps_text` false: the figures, the state and the finish reason alone.
  AnswerIntake(Dialect dialect, bool keeps_text) : keeps_text_(keeps_text) {
    answer_.envelope_dialect = dialect;
  }

  // The string under `key`, where there is one.
  void text(std::string& into, const OrderedJson& object, std::string_view key);
  // A call, or the piece of one that carries the call's `index`.
  void tool_call(const OrderedJson& call, std::optional<std::uint64_t> index);
  void finish_reason(const OrderedJson& object, std::string_view key);
  void finish_reason(std::string_view reason);  // "": it says none
  // A text that is not kept was there.
  void saw_text() { any_text_ = true; }
  // All members but the named ones, beside what came before: lists go on, and texts where they come in
  // pieces; else the last one holds that is not null.
  enum class Texts : std::uint8_t { whole, in_pieces };
  void rest(OrderedJson& into, const OrderedJson& object, Texts texts,
            std::initializer_list<std::string_view> but) const;
  void done() { done_ = true; }
  // The server's runner died, unless more comes.
  void lost(bool is_lost) { lost_ = is_lost; }

  [[nodiscard]] bool keeps_text() const { return keeps_text_; }
  [[nodiscard]] bool any_text() const { return any_text_; }  // a first token has come
  [[nodiscard]] bool is_done() const { return done_; }
  [[nodiscard]] bool is_lost() const { return lost_; }
  [[nodiscard]] Answer& answer() { return answer_; }
  [[nodiscard]] const Answer& answer() const { return answer_; }

 private:
  Answer answer_;
  std::map<std::uint64_t, std::size_t> call_places_;  // a streamed tool call's index -> its place
  bool keeps_text_;
  bool any_text_ = false;
  bool done_ = false;
  bool lost_ = false;
};

// Readers of single values. What is absent or of another type changes nothing, and is "" as a text.
std::string text_at(const OrderedJson& object, std::string_view key);
std::optional<std::uint64_t> count_of(double number);
std::optional<Duration> time_of(double number, double unit_seconds);
void read_count(std::optional<std::uint64_t>& into, const OrderedJson& object, std::string_view key);
void read_time(std::optional<Duration>& into, const OrderedJson& object, std::string_view key,
               double unit_seconds);

}  // namespace tasklane
