// What a replay says beforehand of rules, and what the same rules come to: people at simulated servers of
// known rates, in virtual time.
#include <gtest/gtest.h>

#include "support/temporary_folder.h"
#include "tools/bench/observe/worth.h"

namespace tasklane::bench {
namespace {

TEST(Prediction, ChatsFirstTokensComeWithinATenthOfWhatAReplaySays) {
  HostOptions host;
  host.how_long = std::chrono::hours(2);
  host.config = TASKLANE_SOURCE_DIR "/config";
  const test::TemporaryFolder folder;
  const auto report = predictions(host, 1, folder.path() / "capture.pcapng");
  EXPECT_EQ(report["rows"].size(), 12u);
  for (const auto& row : report["rows"]) {
    SCOPED_TRACE(row.dump());
    EXPECT_GT(row["chats"].get<int>(), 80);
    EXPECT_NEAR(row["chat_ttft_p95_s"]["off_by"].get<double>(), 0, 0.1);
    for (const char* const rate : {"prefill", "decode"})
      EXPECT_NEAR(row["fit"][rate]["off_by"].get<double>(), 0, 0.1) << rate;
    for (const char* const what : {"slots", "keeps_earlier_prompts"})
      EXPECT_EQ(row["fit"][what]["fitted"], row["fit"][what]["right"]) << what;
  }
}

}  // namespace
}  // namespace tasklane::bench
