#include "shaper/task/quoted_chat.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "shaper/base/trimmed.h"
#include "shaper/classify/written_chat.h"

namespace tasklane {
namespace {

constexpr std::string_view conversation_above = "(the conversation above this message)";
constexpr std::string_view persons_message_above = "(my last message above)";
constexpr std::string_view answer_above = "(your last answer above)";

// Less of a message that was cut may stand in any text.
constexpr std::size_t least_of_a_cut_one = 48;
// And less of one that no label announces.
constexpr std::size_t least_without_label = 24;
constexpr std::string_view cut_mark = "...";

struct Label {
  std::string_view text;
  bool by_person;
  bool once_more = false;  // says the last answer again
};
constexpr std::array<Label, 5> labels{{{"USER: ", true},
                                       {"ASSISTANT: ", false},
                                       {"user: ", true},
                                       {"assistant: ", false},
                                       {"assistant_final: ", false, true}}};

const Label* label_at(std::string_view text) {
  const auto* found = std::find_if(labels.begin(), labels.end(),
                                   [&](const Label& label) { return text.starts_with(label.text); });
  return found == labels.end() ? nullptr : found;
}

// The first label from `at` on that starts a line.
std::size_t next_label(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    if ((at == 0 || text[at - 1] == '\n') && label_at(text.substr(at)) != nullptr) return at;
    at = text.find('\n', at);
    if (at != std::string_view::npos) ++at;
  }
  return std::string_view::npos;
}

bool ends_at(std::string_view text, std::size_t at) {
  return at == text.size() || std::string_view("\n\r<`\"").find(text[at]) != std::string_view::npos;
}

std::string without_details(std::string_view text) {
  constexpr std::string_view open = "<details";
  constexpr std::string_view close = "</details>";
  std::string out;
  for (;;) {
    const std::size_t begin = text.find(open);
    const std::size_t end = begin == std::string_view::npos ? begin : text.find(close, begin);
    out += text.substr(0, end == std::string_view::npos ? end : begin);
    if (end == std::string_view::npos) return std::string(trimmed(out));
    text.remove_prefix(end + close.size());
  }
}

// A message in the forms in which front ends write it down; the longest first.
std::vector<std::string> forms_of(const ChatText& said) {
  std::vector<std::string> forms{said.text, std::string(trimmed(said.text)), without_details(said.text)};
  if (said.by_person) forms.emplace_back(own_words(said.text));
  std::erase_if(forms, [](const std::string& form) { return form.empty(); });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

// Bytes at the start of `text` that are the end of `form`; 0: too few.
std::size_t end_of_form(std::string_view text, std::string_view form, std::size_t longest) {
  const std::string_view last = form.substr(form.size() - std::min(form.size(), least_of_a_cut_one / 2));
  for (std::size_t at = text.find(last); at != std::string_view::npos && at + last.size() <= longest;
       at = text.find(last, at + 1)) {
    const std::size_t size = at + last.size();
    if (form.substr(form.size() - size) == text.substr(0, size) && ends_at(text, size)) return size;
  }
  return 0;
}

// Bytes of `text` that are a long message of which the middle, the end or the beginning was cut away.
std::size_t cut_form(std::string_view text, std::string_view form) {
  if (form.size() < least_of_a_cut_one) return 0;
  const auto differ = std::mismatch(form.begin(), form.end(), text.begin(), text.end());
  const auto common = static_cast<std::size_t>(differ.first - form.begin());
  // The message itself may go on with a dot where it was cut.
  for (std::size_t kept = common; kept > 0 && kept + cut_mark.size() > common; --kept) {
    if (!text.substr(kept).starts_with(cut_mark)) continue;
    const std::size_t from = kept + cut_mark.size();
    const std::size_t rest = end_of_form(text.substr(from), form, form.size() - kept);
    if (rest > 0 && kept + rest >= least_of_a_cut_one) return from + rest;
    if (kept >= least_of_a_cut_one && ends_at(text, from)) return from;
  }
  const std::size_t beginning = form.substr(0, common).find_last_not_of(white_space) + 1;
  if (beginning >= least_of_a_cut_one && ends_at(text, beginning)) return beginning;
  const std::size_t end = end_of_form(text, form, form.size());
  return end >= least_of_a_cut_one ? end : 0;
}

struct Part {
  std::size_t begin = 0, end = 0;
};

// The lines of a conversation from `at` on, held against the chat in its order.
class Lines {
 public:
  Lines(std::string_view prompt, const std::vector<ChatText>& chat) : prompt_(prompt), chat_(chat) {
    for (const ChatText& said : chat) forms_.push_back(forms_of(said));
  }

  // Reads as many as are the chat's. Where the last one ends, and whether another follows that is not.
  Part read(std::size_t at) {
    Part part{at, at};
    while (const Label* label = label_at(prompt_.substr(at))) {
      const std::size_t said = at + label->text.size();
      const std::optional<std::size_t> size = size_of(prompt_.substr(said), *label);
      foreign_ = !size.has_value();
      if (foreign_) break;
      part.end = said + *size;
      at = std::min(prompt_.find_first_not_of("\r\n", part.end), prompt_.size());
      if (at == part.end) break;
    }
    return part;
  }

  [[nodiscard]] bool foreign() const { return foreign_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool with_answer() const { return with_answer_; }
  // Whether all that the person said last is among them.
  [[nodiscard]] bool to_the_end() const {
    const auto last =
        std::find_if(chat_.rbegin(), chat_.rend(), [](const ChatText& said) { return said.by_person; });
    return static_cast<std::size_t>(chat_.rend() - last) <= next_;
  }

 private:
  std::optional<std::size_t> size_of(std::string_view text, const Label& label) {
    for (const bool whole : {true, false}) {
      const std::size_t from = label.once_more && next_ > 0 ? next_ - 1 : next_;
      for (std::size_t i = from; i < chat_.size(); ++i) {
        if (chat_[i].by_person != label.by_person) continue;
        for (const std::string& form : forms_[i])
          if (const std::size_t size = matched(text, form, whole); size > 0) {
            next_ = i + 1;
            bytes_ += size;
            with_answer_ |= !label.by_person;
            return size;
          }
      }
    }
    // An answer that the front end does not have yet.
    const std::size_t blank = std::min(text.find_first_not_of(" \t"), text.size());
    if (!label.by_person && ends_at(text, blank)) return blank;
    return std::nullopt;
  }
  static std::size_t matched(std::string_view text, std::string_view form, bool whole) {
    if (!whole) return cut_form(text, form);
    return text.starts_with(form) && ends_at(text, form.size()) ? form.size() : 0;
  }

  std::string_view prompt_;
  const std::vector<ChatText>& chat_;
  std::vector<std::vector<std::string>> forms_;
  std::size_t next_ = 0;  // of the chat's messages
  std::size_t bytes_ = 0;
  bool with_answer_ = false;
  bool foreign_ = false;
};

// With the tag that stands around it, and nothing else between the two; none: something else is.
std::optional<Part> with_its_tag(std::string_view prompt, Part part) {
  const std::string_view before = prompt.substr(0, part.begin);
  const std::size_t open_end = before.find_last_not_of(white_space);
  if (open_end == std::string_view::npos || before[open_end] != '>') return part;
  const std::size_t open = before.rfind('<', open_end);
  if (open == std::string_view::npos) return part;
  const std::string_view name = before.substr(open + 1, open_end - open - 1);
  if (name.empty() || name.find_first_of(" \t\r\n</>") != std::string_view::npos) return part;
  const std::string close = "</" + std::string(name) + ">";
  const std::size_t at = prompt.find_first_not_of(white_space, part.end);
  if (at == std::string_view::npos || !prompt.substr(at).starts_with(close)) return std::nullopt;
  return Part{open, at + close.size()};
}

std::string replaced(std::string_view prompt, Part part, std::string_view pointer) {
  std::string text(prompt.substr(0, part.begin));
  text += pointer;
  return text.append(prompt.substr(part.end));
}

Error no_quote(const char* why) { return {why, "", "it is asked as it came"}; }

Result<Unquoted> without_lines(std::string_view prompt, std::size_t first, const std::vector<ChatText>& chat,
                               const QuoteWish& wish) {
  Lines lines(prompt, chat);
  const Part part = lines.read(first);
  if (lines.bytes() == 0) return no_quote("it quotes another chat than the server's last one");
  const std::size_t foreign = next_label(prompt, part.end);
  const bool next_message = wish.next_message && lines.foreign() && lines.with_answer() &&
                            foreign != std::string_view::npos &&
                            label_at(prompt.substr(foreign))->by_person &&
                            next_label(prompt, foreign + 1) == std::string_view::npos;
  const std::optional<Part> quote = next_message ? part : with_its_tag(prompt, part);
  const bool more = lines.foreign() || foreign != std::string_view::npos;
  if (!quote || (more && !next_message)) return no_quote("it quotes more than the server's last chat holds");
  if (wish.to_its_end && !lines.to_the_end()) return no_quote("the chat that it quotes has gone on");
  return Result<Unquoted>(
      boost::system::in_place_value,
      Unquoted{replaced(prompt, *quote, conversation_above), lines.bytes(), lines.with_answer()});
}

Result<Unquoted> without_message(std::string_view prompt, const std::vector<ChatText>& chat) {
  for (auto said = chat.rbegin(); said != chat.rend() && said - chat.rbegin() < 2; ++said)
    for (const std::string& form : forms_of(*said)) {
      const std::size_t at = prompt.find(form);
      if (form.size() < least_without_label || at == std::string_view::npos) continue;
      if (prompt.find(form, at + 1) != std::string_view::npos) return no_quote("it quotes a message twice");
      const std::string_view pointer = said->by_person ? persons_message_above : answer_above;
      return Result<Unquoted>(
          boost::system::in_place_value,
          Unquoted{replaced(prompt, {at, at + form.size()}, pointer), form.size(), !said->by_person});
    }
  return no_quote("it quotes nothing of the server's last chat");
}

}  // namespace

Result<Unquoted> without_quote(std::string_view prompt, const std::vector<ChatText>& chat,
                               const QuoteWish& wish) {
  const std::size_t first = next_label(prompt, 0);
  if (first == std::string_view::npos) return without_message(prompt, chat);
  return without_lines(prompt, first, chat, wish);
}

}  // namespace tasklane
