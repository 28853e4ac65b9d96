#include "tools/bench/chat/people.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tools/modelsim/generation_request.h"

namespace tasklane::bench {
namespace {

constexpr Duration title_before_chat = std::chrono::milliseconds(5);
constexpr Duration editor_waits = std::chrono::seconds(1);
constexpr std::size_t autocomplete_template = 420;
constexpr std::size_t behind_the_text = 9;
constexpr std::size_t quoted_turns = 3;
constexpr std::size_t longest_text = 1500;  // then the typist begins another

sim::Tokens known_tokens(std::size_t count, std::uint32_t from) {
  sim::Tokens tokens(count);
  std::iota(tokens.begin(), tokens.end(), from);
  return tokens;
}

// All templates begin alike, with a user's "### Task:".
sim::Tokens template_tokens(std::size_t count, std::uint32_t from) {
  constexpr std::size_t heading = 4;
  sim::Tokens tokens = known_tokens(count, from);
  std::iota(tokens.begin(), tokens.begin() + heading, 400'000);
  return tokens;
}

}  // namespace

People::People(Schedule& schedule, Front& front, Habits habits)
    : schedule_(schedule), front_(front), habits_(habits) {
  Random seeds(habits.seed);
  for (Random* each : {&conversing_, &suggesting_, &typing_[0].random, &typing_[1].random})
    each->seed(seeds());
}

void People::begin() {
  new_conversation();
  pause(Who::typist);
}

void People::append(sim::Tokens& to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to.push_back(next_token_++);
}

void People::new_conversation() {
  conversation_ = {
      conversation_.key + 1, 0, whole(conversing_, 2, 6), known_tokens(habits_.shared_prefix, 1), {}, {}};
  write_message();
}

void People::write_message() {
  Typing& typing = typing_[static_cast<std::size_t>(Who::chatter)];
  typing.pauses_left = whole(conversing_, 0, 3);
  typing.text = "message " + std::to_string(next_token_) + " ";
  typing.along.clear();
  pause(Who::chatter);
}

// Types for a while, then rests; in a rest of more than a second the editor asks for a suggestion.
void People::pause(Who who) {
  Random& random = typing_[static_cast<std::size_t>(who)].random;
  const Duration typing = from_seconds(uniform(random, 1, 4));
  const Duration rest = from_seconds(uniform(random, 0.6, 4));
  const std::string word = "word" + std::to_string(whole(random, 0, 1'000'000)) + " ";
  schedule_.after(typing, [this, who, rest, word] {
    Typing& state = typing_[static_cast<std::size_t>(who)];
    if (state.along.empty())
      state.text += word;
    else
      state.text += std::exchange(state.along, "").substr(0, 6);
    ++state.pause;
    ask_suggestion(who, rest);
    schedule_.after(rest, [this, who] { typed_on(who); });
  });
}

void People::typed_on(Who who) {
  Typing& state = typing_[static_cast<std::size_t>(who)];
  ++state.pause;
  if (who == Who::typist) {
    if (state.text.size() > longest_text) state.text = "another text ";
    return pause(who);
  }
  if (state.pauses_left-- > 0) return pause(who);
  send();
}

void People::ask_suggestion(Who who, Duration length) {
  if (!habits_.tasks || length < editor_waits) return;
  const std::uint64_t pause = typing_[static_cast<std::size_t>(who)].pause;
  schedule_.after(editor_waits, [this, who, pause] {
    Typing& state = typing_[static_cast<std::size_t>(who)];
    if (state.in_flight) return;
    state.in_flight = true;
    ++seen_.asked["autocomplete"];
    Asked asked;
    asked.request_class = RequestClass::autocomplete;
    asked.prompt = template_tokens(autocomplete_template, 500'000);
    asked.known = asked.prompt.size();
    if (who == Who::chatter) quote_last_messages(asked);
    sim::append_tokens(asked.prompt, state.text);  // what was typed before is in the cache
    append(asked.prompt, behind_the_text);
    asked.answer_tokens = habits_.answers.autocomplete;
    asked.typist = who == Who::chatter ? 1 : 2;
    asked.typed = state.text;
    asked.suggestion = "goes on " + std::to_string(whole(suggesting_, 0, 1'000'000)) + " and on";
    const Time begun = schedule_.now();
    front_.ask(std::move(asked), [this, who, pause, begun](const Outcome& outcome) {
      Typing& then = typing_[static_cast<std::size_t>(who)];
      then.in_flight = false;
      if (outcome.text.empty()) return;
      if (then.pause != pause) {
        ++seen_.late_suggestions;
        return;
      }
      seen_.suggestion.push_back(seconds_of(schedule_.now() - begun));
      if (whole(suggesting_, 0, 2) == 0) then.along = outcome.text;  // a third of them is typed along
    });
  });
}

// As the editor does in a chat that has begun.
void People::quote_last_messages(Asked& asked) const {
  const auto& [key, turn, turns, prompt, said, answers] = conversation_;
  const std::size_t first = said.size() - std::min(said.size(), quoted_turns);
  asked.chat = key;
  for (std::size_t i = first; i < said.size(); ++i) {
    asked.said.push_back(said[i]);
    for (const sim::Tokens* each : {&said[i], &answers[i]})
      asked.prompt.insert(asked.prompt.end(), each->begin(), each->end());
  }
  asked.unquoted_turns = first;
}

void People::send() {
  append(conversation_.said.emplace_back(), static_cast<std::size_t>(whole(conversing_, 20, 200)));
  const sim::Tokens& message = conversation_.said.back();
  conversation_.prompt.insert(conversation_.prompt.end(), message.begin(), message.end());
  const bool first = conversation_.turn++ == 0;
  if (first && habits_.tasks) ask_task(RequestClass::title, 320, habits_.answers.title);
  schedule_.after(title_before_chat, [this] {
    Asked asked;
    asked.prompt = conversation_.prompt;
    asked.known = habits_.shared_prefix;
    asked.said = conversation_.said;
    asked.answer_tokens = static_cast<std::size_t>(whole(conversing_, 40, 300));
    append(asked.answer,
           static_cast<std::size_t>(std::lround(habits_.quoted * static_cast<double>(asked.answer_tokens))));
    asked.chat = conversation_.key;
    asked.typist = 1;
    const sim::Tokens answer = asked.answer;
    front_.ask(std::move(asked), [this, answer](const Outcome& outcome) {
      conversation_.prompt.insert(conversation_.prompt.end(), answer.begin(), answer.end());
      conversation_.answers.push_back(answer);
      chat_answered(outcome);
    });
  });
}

void People::chat_answered(const Outcome& outcome) {
  const bool first = conversation_.turn == 1;
  (first ? seen_.first_turn : seen_.later_turns).push_back(seconds_of(outcome.first_token));
  seen_.total.push_back(seconds_of(outcome.total));
  seen_.gap.push_back(seconds_of(outcome.longest_gap));
  if (habits_.tasks) ask_task(RequestClass::follow_up, 260, habits_.answers.follow_up);
  if (habits_.tasks && first) ask_task(RequestClass::tags, 300, habits_.answers.tags);
  const bool more = conversation_.turn < conversation_.turns;
  schedule_.after(from_seconds(more ? uniform(conversing_, 3, 40) : uniform(conversing_, 20, 240)),
                  [this, more] {
                    if (more)
                      write_message();
                    else
                      new_conversation();
                  });
}

// Quotes the conversation behind a template of its own, so it shares no prefix with the chat.
void People::ask_task(RequestClass request_class, std::size_t length, std::size_t answer_tokens) {
  Asked asked;
  asked.request_class = request_class;
  asked.prompt = template_tokens(length, 600'000 + 10'000 * static_cast<std::uint32_t>(request_class));
  asked.known = asked.prompt.size();
  asked.said = conversation_.said;
  asked.chat = conversation_.key;
  const auto& prompt = conversation_.prompt;
  asked.prompt.insert(asked.prompt.end(), prompt.begin() + static_cast<std::ptrdiff_t>(habits_.shared_prefix),
                      prompt.end());
  asked.answer_tokens = answer_tokens;
  asked.typist = 1;
  const std::string name(to_text(request_class));
  ++seen_.asked[name];
  const Time begun = schedule_.now();
  front_.ask(std::move(asked), [this, name, begun](const Outcome& outcome) {
    if (!outcome.text.empty()) seen_.delay[name].push_back(seconds_of(schedule_.now() - begun));
  });
}

}  // namespace tasklane::bench
