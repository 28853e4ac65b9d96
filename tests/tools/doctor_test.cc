// `tasklane doctor`: a machine that is well, and each fault made on it.
#include "tools/tasklane/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace tasklane::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Json = nlohmann::json;

constexpr std::string_view rules = R"({
  "version": 1, "intercept": [{"port": 11434}],
  "upstreams": {"model": {"address": "original"}, "task": {"url": "http://10.0.0.9:11435", "model": "small"}},
  "packs": ["open-webui"], "rules": []})";

Config config_of(std::string_view text) { return parse_config(text, "tasklane.json").value(); }

Listener listening(const std::string& address, std::uint16_t port, const std::string& program, int process) {
  Listener listener;
  listener.address = address;
  listener.port = port;
  listener.program = program;
  listener.process = process;
  return listener;
}

Published translated(std::uint16_t port, const std::string& to_address, std::uint16_t to_port) {
  return {port, to_address, to_port, false, 0};
}

// Ollama behind a running agent, and a task model on another machine.
Seen well() {
  Seen seen;
  seen.config_file = "/etc/tasklane/tasklane.json";
  seen.config = config_of(rules);
  seen.stats = {{"steering",
                 {{"attached", true},
                  {"bypassed", false},
                  {"suspended", ""},
                  {"max_connections", 4096},
                  {"endpoints", {"127.0.0.1:11434"}},
                  {"connections", {{"steered", 12}}}}},
                {"memory", {{"held_bytes", 1000}, {"limit_bytes", 536870912}}}};
  seen.listeners = {listening("127.0.0.1", 11434, "ollama", 77)};
  seen.upstreams["task"] = {"", {"small:latest"}};
  return seen;
}

std::vector<std::string> amiss(const Seen& seen) {
  std::vector<std::string> ids;
  for (const Finding& each : examine(seen))
    if (each.level != Level::ok) ids.push_back(each.id);
  return ids;
}

struct Fault {
  std::string id;
  std::function<void(Seen&)> make;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.id; }

class DoctorFinds : public testing::TestWithParam<Fault> {};

TEST_P(DoctorFinds, TheFaultAndNamesWhatMendsIt) {
  Seen seen = well();
  GetParam().make(seen);
  const std::vector<Finding> findings = examine(seen);
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& each) { return each.id == GetParam().id; });
  ASSERT_NE(found, findings.end()) << to_text(findings);
  EXPECT_NE(found->level, Level::ok);
  EXPECT_THAT(found->remedy, Not(IsEmpty()));
}

void steering_says(Seen& seen, const char* name, const Json& value) { seen.stats["steering"][name] = value; }
void counted(Seen& seen, const char* verdict) { seen.stats["steering"]["connections"][verdict] = 3; }
void task_at(Seen& seen, const std::string& more) {
  seen.config = config_of(
      R"({"version": 1, "intercept": [{"port": 11434}], "upstreams": {"model": {"address": "original"},
      "task": {"url": "http://127.0.0.1:11434", "model": "small")" +
      more + R"(}}, "packs": [], "rules": []})");
}

// The model, its port published as Docker does.
void in_a_container(Seen& seen, std::uint16_t published) {
  Listener model = listening("::", 11434, "ollama", 77);
  model.here = false;
  model.netns = 4711;
  model.container = "ollama";
  seen.listeners = {listening("0.0.0.0", published, "docker-proxy", 90), model};
  seen.published = {{published, "172.17.0.2", 11434, false, 4711},
                    {published, "172.17.0.2", 11434, true, 4711}};
  seen.steered_netns = 4711;
}

INSTANTIATE_TEST_SUITE_P(
    Faults, DoctorFinds,
    testing::Values(
        Fault{"not-root", [](Seen& seen) { seen.root = false; }},
        Fault{"no-sk-lookup", [](Seen& seen) { seen.sk_lookup = false; }},
        Fault{"bpf-denied", [](Seen& seen) { seen.bpf_permitted = false; }},
        Fault{"memory-lock-limit",
              [](Seen& seen) {
                seen.kernel = "5.10.0-28-amd64";
                seen.helper_limits["locked memory"] = 65536;
              }},
        Fault{"short-accept-queue", [](Seen& seen) { seen.settings["net/core/somaxconn"] = "128"; }},
        Fault{"few-descriptors-here", [](Seen& seen) { seen.settings["fs/nr_open"] = "1024"; }},
        Fault{"strict-memory", [](Seen& seen) { seen.settings["vm/overcommit_memory"] = "2"; }},
        Fault{"few-ports",
              [](Seen& seen) { seen.settings["net/ipv4/ip_local_port_range"] = "32768\t33000"; }},
        Fault{"loopback-routed", [](Seen& seen) { seen.settings["net/ipv4/conf/all/route_localnet"] = "1"; }},
        Fault{"slow-clock", [](Seen& seen) { seen.clock_source = "hpet"; }},
        Fault{"wrong-clock", [](Seen& seen) { seen.unix_time = 86400; }},
        Fault{"rules-broken",
              [](Seen& seen) {
                seen.config.reset();
                seen.config_error = "tasklane.json: line 3: a value is missing";
              }},
        Fault{"rules-remark", [](Seen& seen) { seen.remarks = {"rule \"a\": has no effect"}; }},
        Fault{"rules-unreadable", [](Seen& seen) { seen.config_readable_by_agent = false; }},
        Fault{"cut-prompts",
              [](Seen& seen) {
                seen.stats["cut_prompts"] = {{{"client", "10.0.0.7"},
                                              {"model", "big"},
                                              {"prompts", 3},
                                              {"sent_tokens_at_least", 9000},
                                              {"read_tokens", 4099}}};
              }},
        Fault{"metrics-public", [](Seen& seen) { seen.config->metrics = "0.0.0.0:9464"; }},
        Fault{"nothing-shaped", [](Seen& seen) { seen.config->intercept.clear(); }},
        Fault{"agent-absent", [](Seen& seen) { seen.agent = AgentState::absent; }},
        Fault{"agent-dead", [](Seen& seen) { seen.agent = AgentState::dead; }},
        Fault{"agent-silent", [](Seen& seen) { seen.agent = AgentState::silent; }},
        Fault{"agent-stranger", [](Seen& seen) { seen.agent = AgentState::stranger; }},
        Fault{"agent-forbidden", [](Seen& seen) { seen.agent = AgentState::forbidden; }},
        Fault{"no-agent-user", [](Seen& seen) { seen.agent_user_exists = false; }},
        Fault{"bypassed", [](Seen& seen) { steering_says(seen, "bypassed", true); }},
        Fault{"suspended", [](Seen& seen) { steering_says(seen, "suspended", "descriptors"); }},
        Fault{"not-attached", [](Seen& seen) { steering_says(seen, "attached", false); }},
        Fault{"port-not-steered",
              [](Seen& seen) { steering_says(seen, "endpoints", {"127.0.0.1:1143", "[::1]:8000"}); }},
        Fault{"few-descriptors", [](Seen& seen) { steering_says(seen, "max_connections", 450); }},
        Fault{"memory-nearly-full",
              [](Seen& seen) {
                seen.stats["memory"] = {{"held_bytes", 90}, {"limit_bytes", 100}};
              }},
        Fault{"was-hung", [](Seen& seen) { counted(seen, "passed_stale"); }},
        Fault{"was-full", [](Seen& seen) { counted(seen, "passed_full"); }},
        Fault{"was-refused", [](Seen& seen) { counted(seen, "passed_busy"); }},
        Fault{"lost-listener", [](Seen& seen) { counted(seen, "passed_no_listener"); }},
        Fault{"another-steers",
              [](Seen& seen) {
                seen.steering_programs = {"steer", "tubular"};
              }},
        Fault{"no-model", [](Seen& seen) { seen.listeners.clear(); }},
        Fault{"model-elsewhere", [](Seen& seen) { seen.listeners.front().here = false; }},
        Fault{"docker-proxy", [](Seen& seen) { seen.listeners.front().program = "docker-proxy"; }},
        Fault{"redirected",
              [](Seen& seen) {
                seen.published = {{11434, "172.17.0.2", 11434, false, 0}};
              }},
        Fault{"netns-gone",
              [](Seen& seen) {
                steering_says(seen, "netns", {{"wanted", "container:ollama"}, {"now", ""}});
              }},
        Fault{"engine-silent",
              [](Seen& seen) {
                seen.config->netns = parse_namespace_wish("container:ollama").value();
                seen.engine_trouble = "cannot ask /run/docker.sock: Connection refused";
              }},
        Fault{"netns-absent",
              [](Seen& seen) {
                seen.config->netns = parse_namespace_wish("container:ollama").value();
                seen.agent = AgentState::absent;
              }},
        Fault{"published-port-named",
              [](Seen& seen) {
                in_a_container(seen, 8080);
                seen.config->netns = parse_namespace_wish("container:ollama").value();
                seen.config->intercept.front().port = 8080;
              }},
        Fault{"model-unsteered",
              [](Seen& seen) {
                in_a_container(seen, 8080);
                seen.listeners.push_back(listening("127.0.0.1", 11434, "ollama", 77));
              }},
        Fault{"model-unshaped",
              [](Seen& seen) { seen.listeners.push_back(listening("0.0.0.0", 8080, "llama-server", 78)); }},
        Fault{"ollama-parallel",
              [](Seen& seen) { seen.listeners.front().environment["OLLAMA_NUM_PARALLEL"] = "4"; }},
        Fault{"ollama-one-loaded",
              [](Seen& seen) {
                task_at(seen, "");
                seen.listeners.front().environment["OLLAMA_MAX_LOADED_MODELS"] = "1";
              }},
        Fault{"ollama-context",
              [](Seen& seen) { seen.listeners.front().environment["OLLAMA_CONTEXT_LENGTH"] = "2048"; }},
        Fault{"ollama-unloads",
              [](Seen& seen) { seen.listeners.front().environment["OLLAMA_KEEP_ALIVE"] = "0"; }},
        Fault{"upstream-down", [](Seen& seen) { seen.upstreams["task"].problem = "Connection refused"; }},
        Fault{"model-missing", [](Seen& seen) { seen.upstreams["task"].models = {"large:latest"}; }},
        Fault{"task-model-here", [](Seen& seen) { task_at(seen, ""); }},
        Fault{"shared-machine", [](Seen& seen) { task_at(seen, ", \"own_compute\": true"); }}),
    [](const auto& one) {
      std::string name = one.param.id;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(Doctor, FindsNothingAmissWhereAllIsWell) {
  EXPECT_THAT(amiss(well()), IsEmpty());
  EXPECT_THAT(
      to_text(examine(well())),
      HasSubstr("port 11434: new connections to 127.0.0.1:11434 (ollama, process 77) go through the agent"));
}

TEST(Doctor, SaysThatClientsOfAPortThatTheAgentListensOnHaveNoOtherWay) {
  Seen seen = well();
  const std::string listen = R"("listen": [{"address": "127.0.0.1:11440", "to": "http://127.0.0.1:11434"}])";
  seen.config = config_of(R"({"version": 1, )" + listen + "}");
  const std::string none = R"(clients of "listen" (port 11440) get no answer)";
  for (const AgentState state : {AgentState::silent, AgentState::dead, AgentState::absent}) {
    seen.agent = state;
    EXPECT_THAT(to_text(examine(seen)), HasSubstr(none));
    EXPECT_THAT(to_text(examine(seen)), Not(HasSubstr("traffic")));
  }
  seen.config = config_of(R"({"version": 1, "intercept": [{"port": 11434}], )" + listen + "}");
  EXPECT_THAT(to_text(examine(seen)), HasSubstr("no agent runs; traffic is direct, but " + none));
  seen.config = config_of(rules);
  EXPECT_THAT(to_text(examine(seen)), HasSubstr("no agent runs; traffic is direct\n"));
}

TEST(Doctor, TakesNoOtherAnswerForAnAgentsFigures) {
  for (const char* answer :
       {R"({"steering": 5})", R"({"steering": {"bypassed": "no"}})", R"({"steering": {"connections": 7}})",
        R"({"steering": {"attached": true, "endpoints": [1]}})", R"({"steering": {}, "cut_prompts": [null]})",
        R"({"steering": {}, "memory": "full"})", "null", "[]"}) {
    Seen seen = well();
    seen.stats = Json::parse(answer);
    const std::vector<std::string> ids = amiss(seen);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), "agent-stranger"), 1) << answer;
  }
}

TEST(Doctor, ReadsWhoListensFromTheKernelsTable) {
  constexpr std::string_view table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   999        0 4711 1\n"
      "   1: 0100007F:2CAA 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   999        0 4712 1\n";
  std::map<std::uint64_t, std::size_t> by_inode;
  const std::vector<Listener> found = listeners_of(table, &by_inode);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.front().address, "127.0.0.1");
  EXPECT_EQ(found.front().port, 11434);
  EXPECT_EQ(by_inode.at(4711), 0u);
  constexpr std::string_view table6 =
      "   0: 00000000000000000000000001000000:2CAA 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 9 "
      "1\n";
  EXPECT_EQ(listeners_of(table6, nullptr).front().address, "::1");
}

TEST(Doctor, ReadsPublishedPortsFromBothKindsOfRules) {
  EXPECT_THAT(
      translations_of(
          "  iifname != \"docker0\" tcp dport 11434 counter packets 0 bytes 0 dnat to 172.17.0.2:11434\n"
          "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.3:80\n"
          "  tcp dport 8081 dnat ip6 to [fd00::2]:81\n  tcp dport 8082 dnat ip to 10.0.0.7\n"
          "-A OUTPUT -p tcp -m tcp --dport 8083 -j REDIRECT --to-ports 83\n  tcp dport 8084 redirect to :84\n"
          "-A INPUT -p tcp --dport 22 -j ACCEPT\n"),
      ElementsAre(translated(8080, "172.17.0.3", 80), translated(8081, "fd00::2", 81),
                  translated(8082, "10.0.0.7", 8082), translated(8083, "", 83), translated(8084, "", 84),
                  translated(11434, "172.17.0.2", 11434)));
}

TEST(Doctor, ReadsWhatDockersProxyIsFor) {
  std::string line =
      "/usr/bin/docker-proxy -proto tcp -host-ip :: -host-port 8080 -container-ip 172.17.0.2 -container-port "
      "11434 ";
  std::replace(line.begin(), line.end(), ' ', '\0');
  EXPECT_EQ(published_by_proxy(line), (Published{8080, "172.17.0.2", 11434, true, 0}));
  EXPECT_EQ(published_by_proxy("docker-proxy -proto udp -host-port 53 -container-port 53"), std::nullopt);
}

TEST(Doctor, KnowsContainersByTheirIdsAndAddresses) {
  const std::string id(64, 'c');
  EXPECT_EQ(container_id_of("3:memory:/docker/" + id + "\n0::/\n"), id);
  EXPECT_EQ(container_id_of("0::/system.slice/docker-" + id + ".scope\n"), id);
  EXPECT_EQ(container_id_of("0::/user.slice/" + id + "c\n0::/user.slice/x" + id), "");
  constexpr std::string_view trie =
      "  |-- 172.17.0.0\n     /16 link UNICAST\n  |-- 172.17.0.2\n     /32 host LOCAL\n";
  EXPECT_TRUE(has_address(trie, "172.17.0.2"));
  EXPECT_FALSE(has_address(trie, "172.17.0.0"));
  EXPECT_FALSE(has_address(trie, "17.0.2"));
}

TEST(Doctor, SaysWhatToWriteForAPublishedPort) {
  Seen seen = well();
  in_a_container(seen, 8080);
  seen.config->intercept.front().port = 8080;
  EXPECT_THAT(
      to_text(examine(seen)),
      HasSubstr("problem  port 8080 is published for [::]:11434 (ollama, process 77, container ollama): it "
                "is translated before it reaches a socket here, and not steered, but for what "
                "docker-proxy answers (over loopback, and over IPv6)\n"
                "         -> \"netns\": \"container:ollama\", \"intercept\": [{\"port\": 11434}]"));
  seen.config->intercept.front().port = 11434;
  seen.config->netns = parse_namespace_wish("container:ollama").value();
  EXPECT_THAT(amiss(seen), IsEmpty());
  EXPECT_THAT(
      to_text(examine(seen)),
      HasSubstr("port 11434: new connections to [::]:11434 (ollama, process 77, container ollama), and "
                "those to the published port 8080 go through the agent\n"));
}

TEST(Doctor, ProposesAConfigurationForTheServersThatItSaw) {
  Seen seen = well();
  seen.listeners.push_back(listening("0.0.0.0", 8080, "llama-server", 78));
  seen.listeners.push_back(listening("0.0.0.0", 22, "sshd", 79));
  const Result<Config> proposed = parse_config(proposed_config(seen), "proposed");
  ASSERT_TRUE(proposed) << proposed.error().text();
  ASSERT_EQ(proposed->intercept.size(), 2u);
  EXPECT_EQ(proposed->intercept[0].port, 8080);
  EXPECT_EQ(proposed->intercept[1].port, 11434);
  seen.listeners.clear();
  EXPECT_EQ(proposed_config(seen), "");
}

TEST(Doctor, ProposesTheContainerInWhichTheModelIs) {
  Seen seen = well();
  in_a_container(seen, 8080);
  const Result<Config> proposed = parse_config(proposed_config(seen), "proposed");
  ASSERT_TRUE(proposed) << proposed.error().text();
  ASSERT_TRUE(proposed->netns);
  EXPECT_EQ(proposed->netns->text, "container:ollama");
  ASSERT_EQ(proposed->intercept.size(), 1u);
  EXPECT_EQ(proposed->intercept[0].port, 11434);
  seen.listeners.back().container.clear();
  EXPECT_THAT(proposed_config(seen), HasSubstr("\"of-listener:11434\""));
}

TEST(Doctor, SaysTheSameAsJson) {
  Seen seen = well();
  seen.agent = AgentState::dead;
  const Json all = to_json(examine(seen));
  const auto dead =
      std::find_if(all.begin(), all.end(), [](const Json& each) { return each["id"] == "agent-dead"; });
  ASSERT_NE(dead, all.end());
  EXPECT_EQ((*dead)["level"], "problem");
  EXPECT_EQ((*dead)["remedy"], "systemctl start tasklaned");
}

}  // namespace
}  // namespace tasklane::doctor
