// The rule files that are shipped: each is one that the agent takes, and says what a person would want to
// know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "shaper/decide/config.h"
#include "shaper/decide/when.h"
#include "support/temporary_folder.h"
#include "tools/tasklane/check.h"

namespace tasklane {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> shipped() {
  std::vector<fs::path> files;
  for (const char* const folder : {"config", "config/hosted"})
    for (const fs::directory_entry& each : fs::directory_iterator(fs::path(TASKLANE_SOURCE_DIR) / folder))
      if (each.path().extension() == ".json" && each.path().stem().extension() != ".schema")
        files.push_back(each.path());
  return files;
}

TEST(ShippedProfiles, PassTheCheckOnceTheirKeyIsThere) {
  const test::TemporaryFolder folder;
  const std::string key = folder.write("key", "sk-1\n");
  ::chmod(key.c_str(), 0600);
  std::size_t hosted = 0;
  for (const fs::path& file : shipped()) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    std::string config = text.str();
    const std::string named = "/etc/tasklane/hosted.key";
    if (const auto at = config.find(named); at != std::string::npos) {
      config.replace(at, named.size(), key);
      ++hosted;
    }
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(ExitCode::done, run_check({folder.write(file.filename().string(), config), false}, out, err))
        << file << ": " << err.str();
  }
  EXPECT_GE(hosted, 5U);
}

TEST(ShippedProfiles, OfServicesSendChatsToTheModelAlone) {
  for (const fs::path& file : shipped()) {
    const Result<Config> config = load_config(file);
    ASSERT_TRUE(config.has_value()) << config.error().text();
    for (const Rule& rule : config->rules)
      for (const RequestClass each : rule.when->classes)
        EXPECT_TRUE(is_task(each)) << file << ": " << rule.name;
    for (const auto& [name, upstream] : config->upstreams)
      EXPECT_FALSE(upstream.service && upstream.service->may_get_chats) << file;
  }
}

}  // namespace
}  // namespace tasklane
