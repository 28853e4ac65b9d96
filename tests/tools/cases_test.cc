// Requests that plugins, other clients and servers with other habits send, taken from public reports: who
// must be left alone is, and what is a task still waits. The files lie beside the repository
// (TASKLANE_SHARED_CASES, or ../shared/cases); each is one stream.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "shaper/classify/pack.h"
#include "tools/tasklane/traffic.h"

namespace tasklane {
namespace {

struct Seen {
  std::string path;
  RequestClass request_class = RequestClass::other;
  Power power;
  bool worded_as_shipped = false;
};

class Cases : public testing::Test {
 protected:
  // Each request of the file as it turns out in the end. Empty, and the test is skipped, where the folder is
  // not there.
  std::vector<Seen> seen(const std::string& name) {
    const char* const named = std::getenv("TASKLANE_SHARED_CASES");
    const auto file =
        std::filesystem::path(named != nullptr ? named : TASKLANE_SOURCE_DIR "/../shared/cases") /
        (name + ".jsonl");
    std::ifstream in(file);
    if (!in) {
      skip_ = "no " + file.string() + ": set TASKLANE_SHARED_CASES";
      return {};
    }
    std::vector<Seen> all;
    TrafficReader traffic(Classifier(find_packs({"open-webui"}, {}).value(), {0.5, 11, 12}));
    const auto read = traffic.read_lines(in, file.string(), [&](const SeenRequest& request) {
      all.push_back({request.request.head.target, request.classification.request_class,
                     request.classification.power(), request.classification.worded_as_shipped});
      for (const Unmasked& one : request.classification.unmasked) {
        all.at(one.id - 1).request_class = one.request_class;
        all.at(one.id - 1).power = power_of(one.certainty, one.request_class);
      }
    });
    EXPECT_TRUE(read.has_value());
    return all;
  }
  void expect_left_alone(const std::string& name) {
    for (const Seen& one : seen(name)) {
      EXPECT_TRUE(one.power.nothing()) << name << ": taken for a " << to_text(one.request_class);
      // What asks for search terms may be called so: nothing is done to it.
      EXPECT_TRUE(!is_task(one.request_class) || one.request_class == RequestClass::query) << name;
    }
  }
  // The last lines of the file, from `first` on.
  void expect_tasks(const std::string& name, RequestClass request_class, std::size_t first) {
    const auto all = seen(name);
    for (std::size_t i = first; i < all.size(); ++i) {
      EXPECT_EQ(all[i].request_class, request_class) << name << " " << all[i].path;
      EXPECT_TRUE(all[i].power.may(May::wait)) << name << " " << all[i].path;
    }
  }
  void TearDown() override {
    if (!skip_.empty()) GTEST_SKIP() << skip_;
  }
  std::string skip_;
};

TEST_F(Cases, OfFiltersAndPluginsGoAtOnceUntouched) {
  for (const char* name : {"translate_text_key", "outline_title_key", "research_queries", "router_filter",
                           "router_regenerate", "relevance_filter", "pipelines_function_calling"})
    expect_left_alone(name);
}

TEST_F(Cases, OfOtherClientsThatQuoteAChatGoAtOnceUntouched) {
  for (const char* name : {"translate_on_demand", "other_client_quotes_answer", "aider_commit"})
    expect_left_alone(name);
}

TEST_F(Cases, OfTheFrontEndsOwnTasksStillWait) {
  expect_tasks("title_openai", RequestClass::title, 0);
  expect_tasks("title_ollama", RequestClass::title, 0);
  expect_tasks("tags_openai", RequestClass::tags, 0);
  expect_tasks("followup_openai", RequestClass::follow_up, 0);
}

TEST_F(Cases, AtAnyBasePathAreKnown) { expect_tasks("paths", RequestClass::title, 0); }

TEST_F(Cases, ThroughAGatewayInAnotherOrderOfKeysAreKnown) {
  expect_tasks("litellm_openai", RequestClass::title, 1);
  for (const Seen& one : seen("litellm_ollama_generate"))
    EXPECT_TRUE(one.request_class == RequestClass::chat || one.request_class == RequestClass::title);
}

TEST_F(Cases, OfPeoplesOwnTemplatesAreRecognisedOrLeftAlone) {
  for (const Seen& one : seen("custom_templates")) EXPECT_NE(one.power.nothing(), is_task(one.request_class));
}

TEST_F(Cases, OfPeoplesOwnTemplatesInTheFrontEndsFrameAreNotHeldToItsNumbers) {
  const auto all = seen("custom_templates");
  for (std::size_t i = 8; i < all.size(); ++i) {
    EXPECT_TRUE(is_task(all[i].request_class)) << i;
    EXPECT_FALSE(all[i].worded_as_shipped) << i;
  }
}

TEST_F(Cases, InOtherApisCountAsChatsAndTheirTasksAreKnown) {
  const std::set<std::string> no_generation{"/v1/rerank", "/tokenize", "/apply-template",
                                            "/slots/0?action=save"};
  const auto all = seen("other_apis");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool title = i == 1;  // at /responses
    const RequestClass wanted = title ? RequestClass::title : RequestClass::chat;
    if (!no_generation.contains(all[i].path)) {
      EXPECT_EQ(all[i].request_class, wanted) << all[i].path;
    }
    EXPECT_EQ(all[i].power.may(May::wait), title) << all[i].path;
  }
}

}  // namespace
}  // namespace tasklane
