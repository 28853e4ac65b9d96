// Tasks that live in virtual time on servers of which the test says what they answer: the real life, lanes
// and memory, no sockets.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "shaper/dialect/body.h"
#include "shaper/task/desk.h"
#include "shaper/task/life.h"

namespace tasklane {

using State = Life::State;
inline constexpr RequestId chat = 1000;  // behind those of all tasks

class Living : public testing::Test {
 protected:
  struct Task : WaitingTask {
    explicit Task(Living& around) : living(around) {}
    void on_start() override {
      tell([&] { life->started(); });
    }
    void on_share() override {
      tell([&] { life->shared(); });
    }
    void on_cancel() override {
      tell([&] { life->cancelled(); });
    }
    void on_answer(AnswerKind kind, const std::string& text) override {
      tell([&] { life->answered(kind, text); });
    }
    void on_result(std::shared_ptr<const TaskResult> result) override {
      tell([&] { life->given(std::move(result), living.now_); });
    }
    template <class Event>
    void tell(const Event& event) {
      event();
      living.told(*this);
    }

    Living& living;
    std::unique_ptr<Life> life;
    std::string on_its_way;  // "dial" or "send"; empty: nothing
    std::string sent;        // the last body
    std::vector<std::string> sends;
    bool aborted = false;
    bool performing = false;
    bool done = false;
    std::optional<LocalAnswer> answer;
  };

  Living() {
    model_.name = "model";
    model_.original = true;
    helper_.name = "task";
    helper_.authority = "task:1";
    helper_.own_compute = true;
    rule_.name = "tasks";
    rule_.then.laned = true;
    rule_.then.settings.settle = Duration::zero();
    rule_.then.settings.slices = false;
  }

  static std::string title_body(const std::string& user = "rice", bool stream = false) {
    return nlohmann::ordered_json{{"model", "big"},
                                  {"messages",
                                   {{{"role", "user"},
                                     {"content", "Title as JSON {\"title\": \"\"}\n<chat_history>\nUSER: " +
                                                     user + "\n</chat_history>"}}}},
                                  {"stream", stream},
                                  {"max_tokens", 1000}}
        .dump();
  }

  // The server's last chat, which has just been answered.
  void keep_chat(const std::string& user, const std::string& answer) {
    model_.graft = true;
    auto chat = std::make_shared<KeptChat>();
    chat->body = nlohmann::ordered_json{
        {"model", "big"},
        {"messages", {{{"role", "user"}, {"content", user}}}},
        {"tools", nlohmann::ordered_json::array({1})},
        {"stream",
         true}}.dump();
    chat->answer = KeptAnswer(answer);
    chat->dialect = Dialect::openai_chat;
    chat->model = "big";
    chat->tenant = tenant_;
    chat->tokens = 5000;
    chat->arrived = chat->ended = now_;
    chats_.keep({"model"}, std::move(chat));
  }

  TaskPlan plan_of(RequestId id, const std::string& body, const std::vector<const Upstream*>& route) {
    Classification classification;
    classification.request_class = RequestClass::title;
    classification.certainty = certainty_;
    classification.tenant = tenant_;
    classification.worded_as_shipped = true;
    Decision decision{&rule_, route};
    const Endpoint endpoint{EndpointKind::generation, Dialect::openai_chat};
    const BodyFacts& facts = reader_.read(body, endpoint.dialect);
    return plan_task({id, endpoint, &facts, classification, decision, "10.0.0.1"}).value();
  }
  Life::Around around() {
    return {book_, desk_->admission(), answers_, chats_, statistics_, canonical_, bypass_};
  }

  // A title that comes now, over these upstreams.
  Task& arrive(RequestId id, const std::string& body, std::vector<const Upstream*> route = {}) {
    if (route.empty()) route = {&model_};
    TaskPlan plan = plan_of(id, body, route);
    std::vector<Hop> hops;
    for (const Upstream* upstream : route) hops.push_back({upstream, {upstream->name}, beside_});
    Task& task = *(tasks_[id] = std::make_unique<Task>(*this));
    task.life = std::make_unique<Life>(around(), std::move(plan), std::move(hops));
    perform(task);
    return task;
  }
  Task& task(RequestId id) { return *tasks_.at(id); }
  Life::State state(RequestId id) { return task(id).life->state(); }

  void chat_comes(RequestId id) {
    Ticket ticket;
    ticket.id = id;
    ticket.upstream = "model";
    desk_->chat_begins(std::move(ticket), now_);
  }
  void chat_ends(RequestId id) { desk_->chat_ends(id, now_); }
  // Somebody stops typing for a moment, and gets a suggestion at once.
  void types(RequestId id) {
    Ticket ticket;
    ticket.id = id;
    ticket.upstream = "model";
    ticket.lane = Standing(Lane::keystroke, power_of(Certainty::named, RequestClass::autocomplete));
    ticket.request_class = RequestClass::autocomplete;
    ticket.settings.debounce = Duration::zero();
    desk_->chat_begins(std::move(ticket), now_);
    desk_->chat_ends(id, now_);
  }
  void pass(Duration time) {
    now_ += time;
    desk_->tick(now_);
  }
  void leave(RequestId id) {
    const bool others_wait = desk_->client_gone(id, now_);
    task(id).life->client_left(others_wait);
    told(task(id));
  }
  void reach(RequestId id, const std::optional<std::string>& problem = {}) {
    ASSERT_EQ("dial", std::exchange(task(id).on_its_way, ""));
    task(id).life->dialled(problem, now_);
    perform(task(id));
  }
  void answer(RequestId id, const std::string& bytes, int status = 200, bool reused = false) {
    ASSERT_EQ("send", std::exchange(task(id).on_its_way, ""));
    AnswerAssembler assembler(Dialect::openai_chat);
    const bool aborted = std::exchange(task(id).aborted, false);
    const bool nothing = aborted && bytes.empty();
    if (status == 200 && !nothing) {
      assembler.feed(bytes);
      assembler.finish(!aborted);
    }
    const Reply reply{!bytes.empty(),       !aborted && !bytes.empty(), reused,
                      nothing ? 0 : status, "application/json",         bytes};
    task(id).life->replied(reply, assembler, now_);
    perform(task(id));
  }
  static std::string titled(const std::string& title) {
    return nlohmann::json{{"choices",
                           {{{"index", 0},
                             {"message", {{"content", nlohmann::json{{"title", title}}.dump()}}},
                             {"finish_reason", "stop"}}}}}
        .dump();
  }
  std::string content(RequestId id) {
    const Task& one = task(id);
    if (!one.done || !one.answer) return one.done ? "nobody to tell" : "not yet";
    const auto json = nlohmann::json::parse(one.answer->body, nullptr, false);
    if (one.answer->status != 200 || !json.contains("choices"))
      return std::to_string(one.answer->status) + " " + one.answer->body;
    return json["choices"][0]["message"].value("content", "");
  }

  // All that is due, until it waits.
  void perform(Task& one) {
    const RequestId id = one.life->plan().ticket.id;
    one.performing = true;
    while (!one.done && one.on_its_way.empty()) {
      Effect due = one.life->next(now_);
      if (auto* enter = std::get_if<effect::EnterLane>(&due)) {
        desk_->arrive(std::move(enter->ticket), one, now_);
      } else if (auto* leave = std::get_if<effect::LeaveLane>(&due)) {
        desk_->finished(id, leave->result, now_);
      } else if (std::holds_alternative<effect::Rest>(due)) {
        desk_->rest(id, now_);
      } else if (std::holds_alternative<effect::Dial>(due)) {
        one.on_its_way = "dial";
      } else if (auto* send = std::get_if<effect::Send>(&due)) {
        one.on_its_way = "send";
        one.sent = send->body;
        one.sends.push_back(send->body);
      } else if (auto* done = std::get_if<effect::Done>(&due)) {
        one.done = true;
        one.answer = std::move(done->answer);
        desk_->leave(id);
      } else {
        EXPECT_TRUE(std::holds_alternative<effect::Wait>(due)) << "nothing is there to be stopped";
        break;
      }
    }
    one.performing = false;
  }
  void told(Task& one) {
    if (one.performing || one.done) return;
    if (one.on_its_way.empty()) return perform(one);
    const Effect due = one.life->next(now_);
    if (std::holds_alternative<effect::StopUpstream>(due))
      one.aborted = true;
    else
      EXPECT_TRUE(std::holds_alternative<effect::Wait>(due)) << "something is on its way";
  }
  void start_anew() {
    tasks_.clear();
    desk_ = std::make_unique<Desk>();
  }
  [[nodiscard]] std::size_t held() const { return desk_->admission().held(); }

  Upstream model_, helper_;
  Rule rule_;
  Book book_;
  std::unique_ptr<Desk> desk_ = std::make_unique<Desk>();
  AnswerCache answers_;
  KeptChats chats_;
  Statistics statistics_;
  Canonical canonical_{1, 2};
  BodyReader reader_;
  bool bypass_ = false;
  std::string beside_;  // the server whose machine the upstreams are on
  Certainty certainty_ = Certainty::named;
  Tenant tenant_{7};
  Time now_{std::chrono::hours(1)};
  std::map<RequestId, std::unique_ptr<Task>> tasks_;
};

}  // namespace tasklane
