// An upstream of several addresses on the wire: who answers where one of them is gone, slow or busy.
#include <array>
#include <map>
#include <vector>

#include "relay/service_fixture.h"

namespace tasklane {
namespace {

// An address at which nobody answers a word, as of a host that has gone: its accept queue is full, and its
// kernel drops what comes.
class BlackHole {
 public:
  BlackHole() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr = own_loopback();
    EXPECT_EQ(0, ::bind(door_.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof(address)));
    EXPECT_EQ(0, ::listen(door_.descriptor(), 0));
    socklen_t length = sizeof(address);
    ::getsockname(door_.descriptor(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    for (Peer& each : in_the_queue_)
      ::connect(each.descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  [[nodiscard]] std::string url() const {
    char text[INET_ADDRSTRLEN] = {};
    const in_addr address = own_loopback();
    ::inet_ntop(AF_INET, &address, text, sizeof(text));
    return "http://" + std::string(text) + ":" + std::to_string(port_);
  }

 private:
  static Peer socket() { return Peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }
  Peer door_ = socket();
  std::array<Peer, 3> in_the_queue_{socket(), socket(), socket()};
  std::uint16_t port_ = 0;
};

class AskingSeveral : public AskingAService {
 protected:
  // Two addresses of one service, and the model behind them.
  void start_both(const std::string& more = "", const std::string& route = R"(["gpu", "model"])") {
    start(R"(, "packs": ["open-webui"], "upstreams": {"model": {"address": "original"}, "gpu": {"urls": [")" +
          task.url() + R"(/v1", ")" + other.url() +
          R"(/v1"], "model": "gpt-tiny", "dialect": "openai", "slots": 8, "own_compute": true)" + more +
          R"(}}, "rules": [{"name": "tasks", "when": {"class": ["title", "tags"]}, "then": {"route": )" +
          route + R"(, "lane": "background", "settle": "0s"}}])");
  }
  [[nodiscard]] std::string name_of(const Server& server) const {
    return "gpu@" + server.url().substr(std::string("http://").size());
  }
  // Whichever of the two is called.
  Server& called() {
    for (int i = 0; i < 500; ++i)
      for (Server* each : {&task, &other})
        if (each->called_within(milliseconds(5))) return *each;
    ADD_FAILURE() << "nobody is asked";
    return task;
  }
  void answer_title(Server& server, Peer& person) {
    Peer service = server.accept();
    EXPECT_EQ("gpt-tiny", receive_request(service)["model"]);
    service.send(completion());
    EXPECT_EQ(hosted_title, content_of(receive_answer(person)));
  }

  Server other;
};

TEST_F(AskingSeveral, WhereOneIsGoneTheOtherAnswersAndTheModelIsLeftAlone) {
  start_both();
  Peer person = client();
  other.stop();
  for (int i = 0; i < 8; ++i) {
    person.send(title("question " + std::to_string(i)));
    answer_title(task, person);
  }
  EXPECT_EQ(0U, row(RequestClass::title, "model").requests);
  EXPECT_FALSE(model.called_within(milliseconds(0)));
}

TEST_F(AskingSeveral, WhereAllAreGoneTheNextOfTheRouteAnswers) {
  start_both();
  Peer person = client();
  task.stop();
  other.stop();
  for (int i = 0; i < 6; ++i) {
    person.send(title("question " + std::to_string(i)));
    model_answers(person);
  }
}

TEST_F(AskingSeveral, WhereAllAreGoneAndNobodyIsLeftTheTaskIsAnsweredEmpty) {
  start_both("", R"("gpu")");
  Peer person = client();
  task.stop();
  other.stop();
  for (int i = 0; i < 5; ++i) {
    person.send(title("question " + std::to_string(i)));
    int status = 0;
    receive_answer(person, &status);
    EXPECT_EQ(200, status);
  }
}

TEST_F(AskingSeveral, TasksOfOneChatGoToOneAddressAndAreCountedThere) {
  start_both();
  Peer person = client();
  person.send(title("Which moss grows on a northern wall?"));
  Server& first = called();
  answer_title(first, person);
  for (int i = 0; i < 4; ++i) {
    person.send(title("Which moss grows on a northern wall?"));
    EXPECT_EQ(&first, &called());
    answer_title(first, person);
  }
  EXPECT_EQ(5U, row(RequestClass::title, name_of(first)).requests);
}

TEST_F(AskingSeveral, OneThatIsSlowIsLeftToWhatItHasToDo) {
  start_both();
  std::vector<Peer> waiting;
  std::vector<Peer> slow;
  // The first address that is asked never answers; what comes meanwhile goes past it.
  std::map<Server*, int> asked;
  waiting.push_back(client());
  waiting.back().send(title("the first question of all"));
  Server& dull = called();
  slow.push_back(dull.accept());
  Server& quick = &dull == &task ? other : task;
  for (int i = 0; i < 12; ++i) {
    Peer person = client();
    person.send(title("another question " + std::to_string(i)));
    Server& now = called();
    ++asked[&now];
    if (&now == &quick) {
      answer_title(quick, person);
    } else {
      slow.push_back(dull.accept());
      waiting.push_back(std::move(person));
    }
  }
  EXPECT_LE(asked[&dull], 2) << "until it is far busier than the other";
}

TEST_F(AskingSeveral, EachHasABreakerOfItsOwn) {
  start_both();
  Peer person = client();
  other.stop();
  for (int i = 0; i < 24; ++i) {
    person.send(title("question " + std::to_string(i)));
    answer_title(task, person);
  }
  const Row failing = row(RequestClass::title, name_of(other));
  EXPECT_GE(failing.failed_over, 1U);
  EXPECT_LE(failing.failed_over, 6U) << "then it is passed over, but for a trial now and then";
  EXPECT_EQ(0U, row(RequestClass::title, name_of(task)).failed_over);
}

// The connect timeout is longer than anybody here waits.
TEST_F(AskingSeveral, AChatIsNotKeptWaitingByOneHostAfterTheOtherThatHasGone) {
  const std::array<BlackHole, 2> gone;
  start(R"(, "limits": {"connect_timeout": "1m"}, "upstreams": {"model": {"address": "original"},
              "gpu": {"urls": [")" +
        gone[0].url() + "\", \"" + gone[1].url() + "\", \"" + task.url() +
        R"("], "model": "small"}},
           "rules": [{"name": "all", "when": {"class": "chat"}, "then": {"route": ["gpu", "model"]}}])");
  for (int i = 0; i < 4; ++i) {
    Peer person = client();
    person.send(openai_chat("question " + std::to_string(i)));
    Peer server = task.accept();
    EXPECT_EQ("small", receive_request(server)["model"]);
    server.send(completion("From the one that is there."));
    EXPECT_NE(std::string::npos, person.until("[DONE]\n\n").find("From the one that is there."));
  }
  EXPECT_FALSE(model.called_within(milliseconds(0)));
}

}  // namespace
}  // namespace tasklane
