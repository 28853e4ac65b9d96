// What a task model does wrong in the middle of a task, on the very sockets: the next upstream's answer
// reaches the client, once, and nothing is left of it.
#include <functional>

#include "relay/service_fixture.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;

class FaultsOnTheWire : public AskingAService {
 protected:
  [[nodiscard]] std::string over_the_task_model(const std::string& more = "",
                                                const std::string& route = R"(["task", "model"])") const {
    return R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "task": {"url": ")" +
           task.url() + R"(", "model": "small")" + more +
           R"(}}, "rules": [{"name": "tasks", "when": {"class": "title"}, "then": {"route": )" + route +
           R"(, "lane": "background", "settle": "0s", "quiet": "0s"}}])";
  }
  // Nobody is told twice, nobody waits, nothing is held.
  void nothing_is_left_but(Peer& person) {
    EXPECT_TRUE(person.quiet_for(50ms)) << "a second answer";
    EXPECT_FALSE(model.called_within(0ms));
    EXPECT_TRUE(eventually([&] { return in_relay([&] { return admission().held(); }) == 0; }));
    EXPECT_TRUE(eventually([&] { return memory_held() == 0; }));
  }
};

struct Fault {
  std::string name;
  std::function<void(Peer& server)> happens;  // behind the request; then the connection closes
};

const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n";
const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
const std::string line = R"({"model":"small","message":{"role":"assistant","content":"{\"tit"},"done":false})"
                         "\n";

class Faulty : public FaultsOnTheWire, public testing::WithParamInterface<Fault> {};

TEST_P(Faulty, TheModelAnswersInItsPlaceOnce) {
  start(over_the_task_model());
  Peer person = client();
  person.send(title());
  {
    Peer server = task.accept();
    EXPECT_EQ("small", receive_request(server)["model"]);
    GetParam().happens(server);
  }
  model_answers(person);
  nothing_is_left_but(person);
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, Faulty,
    testing::Values(
        Fault{"KilledBehindTheRequest", [](Peer& server) { server.reset(); }},
        Fault{"ClosedBehindTheRequest", [](Peer&) {}},
        Fault{"KilledBehindTheHead",
              [](Peer& server) {
                server.send(chunked);
                server.reset();
              }},
        Fault{"KilledInMidBody",
              [](Peer& server) {
                server.send(chunked + "55\r\n" + line);
                server.reset();
              }},
        Fault{"FewerBytesThanItSays",
              [](Peer& server) { server.send(head + "Content-Length: 5000\r\n\r\n" + line); }},
        Fault{"MoreBytesThanItSays",
              [](Peer& server) { server.send(head + "Content-Length: 20\r\n\r\n" + line + line); }},
        Fault{"NoNumberForALength",
              [](Peer& server) { server.send(head + "Content-Length: many\r\n\r\n" + line); }},
        Fault{"TwoLengths",
              [](Peer& server) {
                server.send(head + "Content-Length: 90\r\nContent-Length: 91\r\n\r\n" + line);
              }},
        Fault{"AChunkOfNoSize", [](Peer& server) { server.send(chunked + "zz\r\n" + line); }},
        Fault{"InvalidJson", [](Peer& server) { server.send(answer(R"({"message": {"content": )")); }},
        Fault{"AnErrorInMidStream",
              [](Peer& server) {
                const std::string error = R"({"error":"an error was encountered while running the model"})"
                                          "\n";
                server.send(head + "Content-Length: " + std::to_string(line.size() + error.size()) +
                            "\r\n\r\n" + line + error);
              }},
        Fault{"Garbage", [](Peer& server) { server.send(std::string(4096, '\x07') + "\r\n\r\n"); }},
        Fault{"EndlessHead",
              [](Peer& server) { server.send("HTTP/1.1 200 OK\r\nX: " + std::string(2U << 20, 'x')); }}),
    [](const auto& each) { return each.param.name; });

TEST_F(FaultsOnTheWire, KilledBeforeItAcceptsTheModelAnswers) {
  start(over_the_task_model());
  Peer person = client();
  person.send(title());
  ASSERT_TRUE(task.called_within(5s));
  std::this_thread::sleep_for(20ms);  // the request stands in the queue of connections
  task.stop();
  model_answers(person);
  nothing_is_left_but(person);
}

TEST_F(FaultsOnTheWire, AnAnswerThatDripsIsGivenUpInTimeWhereTheRulesSaySo) {
  start(over_the_task_model(R"(, "timeout": "300ms")"));
  Peer person = client();
  person.send(title());
  Peer server = task.accept();
  receive_request(server);
  for (const char each : (chunked + "55\r\n" + line).substr(0, 60)) {
    server.send(std::string_view(&each, 1));
    std::this_thread::sleep_for(10ms);
  }
  model_answers(person);
  EXPECT_TRUE(server.sees_close());
  nothing_is_left_but(person);
}

TEST_F(FaultsOnTheWire, AnAnswerThatDripsAndComesInTimeIsTheAnswer) {
  start(over_the_task_model());
  Peer person = client();
  person.send(title());
  Peer server = task.accept();
  receive_request(server);
  const std::string whole = answer(
      R"({"model":"small","message":{"role":"assistant","content":"{\"title\": \"Rice\"}"},"done":true})");
  for (const char each : whole) {
    server.send(std::string_view(&each, 1));
    std::this_thread::sleep_for(1ms);
  }
  EXPECT_EQ(R"({"title": "Rice"})", content_of(receive_answer(person)));
  nothing_is_left_but(person);
}

TEST_F(FaultsOnTheWire, OfAStormOfTasksOneIsRefusedAndTheModelAnswersAll) {
  start(with_service(task.url(), "", R"(["hosted", "model"], "settle": "0s", "quiet": "0s")"));
  constexpr int storm = 6;
  std::vector<Peer> people;
  for (int i = 0; i < storm; ++i) people.push_back(client());
  for (int i = 0; i < storm; ++i) people[i].send(title("question " + std::to_string(i)));
  Peer refused = task.accept();
  receive_request(refused);
  refused.send(answer("{}", "Retry-After: 60\r\n", "429 Too Many Requests"));
  Peer server = model.accept();
  for (int i = 0; i < storm; ++i) {
    ASSERT_EQ("big", receive_request(server)["model"]);
    stream_answer(server, R"({"title": "From the model"})");
  }
  for (Peer& person : people) {
    EXPECT_EQ(R"({"title": "From the model"})", content_of(receive_answer(person)));
    EXPECT_TRUE(person.quiet_for(5ms));
  }
  EXPECT_FALSE(task.called_within(0ms)) << "the others were not sent there";
  nothing_is_left_but(people.front());
}

TEST_F(FaultsOnTheWire, WhereTheModelFailsTooTheClientIsToldWhichOnceAndTheNextTaskIsServed) {
  start(over_the_task_model());
  Peer person = client();
  person.send(title("one"));
  {
    Peer server = task.accept();
    receive_request(server);
    server.reset();
  }
  {
    Peer server = model.accept();
    receive_request(server);
    server.reset();
  }
  int status = 0;
  const Json told = receive_answer(person, &status);
  EXPECT_EQ(502, status) << told;
  person.send(title("two"));
  Peer server = task.accept();
  receive_request(server);
  stream_answer(server, R"({"title": "Two"})");
  EXPECT_EQ(R"({"title": "Two"})", content_of(receive_answer(person)));
  nothing_is_left_but(person);
}

TEST_F(FaultsOnTheWire, AClientThatLeavesWhileOneFailsIsAnsweredByNobody) {
  start(over_the_task_model());
  {
    Peer person = client();
    person.send(title());
    Peer server = task.accept();
    receive_request(server);
    person.close();
    EXPECT_TRUE(server.sees_close());
  }
  EXPECT_FALSE(model.called_within(100ms));
  EXPECT_TRUE(eventually([&] { return under_way() == 0; }));
}

}  // namespace
}  // namespace tasklane
