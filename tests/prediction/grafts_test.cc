// What grafts are to people at a server that keeps one prompt: hours of virtual time.
#include <gtest/gtest.h>

#include "tools/bench/chat/ways.h"
#include "tools/support/quantile.h"

namespace tasklane::bench {
namespace {

// llama-server tells what of a prompt was in its cache; Ollama tells times alone.
class Grafts : public testing::TestWithParam<sim::Flavour> {};

TEST_P(Grafts, KeepTheChatsPromptInAServerThatKeepsOne) {
  HostOptions host;
  host.how_long = std::chrono::hours(2);
  host.config = TASKLANE_SOURCE_DIR "/config";
  host.model.flavour = GetParam();
  host.model.host_cache = 0;
  const HostSeen seen = live_virtually(one_model, host);
  EXPECT_EQ(seen.misjudged, 0u);
  EXPECT_GT(seen.seen.later_turns.size(), 50u);
  EXPECT_LT(quantile(seen.seen.later_turns, 0.95), 1) << "the prompt and its tools take 17 s to read";
  const auto background = seen.lanes.at(Lane::background);
  EXPECT_GT(seen.relay.grafted, background.finished / 2) << background.finished << " tasks";
}

INSTANTIATE_TEST_SUITE_P(OfServers, Grafts, testing::Values(sim::Flavour::llama, sim::Flavour::ollama),
                         [](const auto& flavour) {
                           return flavour.param == sim::Flavour::ollama ? "ThatTellTimes" : "ThatTellTokens";
                         });

}  // namespace
}  // namespace tasklane::bench
