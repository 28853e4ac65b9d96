// Labelled traffic, classified as one stream: no chat is taken for a task, and tasks are found. The project's
// own corpus is always there; larger recordings are used where TASKLANE_SHARED_CORPUS (or ../shared/corpus)
// has them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "shaper/classify/pack.h"
#include "tools/tasklane/traffic.h"

namespace tasklane {
namespace {

struct Labelled {
  std::string id;
  std::string group;  // release and kind of template
  RequestClass label = RequestClass::other;
  bool ambiguous = false;
  RequestClass soon = RequestClass::other;
  RequestClass late = RequestClass::other;
  bool worded_as_shipped = false;
};

std::vector<Labelled> classify_file(const std::filesystem::path& file) {
  std::vector<Labelled> all;
  std::ifstream in(file);
  EXPECT_TRUE(in) << file;
  TrafficReader traffic(Classifier(find_packs({"open-webui", "librechat"}, {}).value(), {0.5, 11, 12}));
  const auto read = traffic.read_lines(in, file.string(), [&](const SeenRequest& seen) {
    const auto label = request_class_from(seen.request.label.value_or("other"));
    EXPECT_TRUE(label.has_value()) << seen.request.id;
    const RequestClass found = seen.classification.request_class;
    all.push_back({seen.request.id, seen.request.group + " " + seen.request.kind,
                   label.value_or(RequestClass::other), seen.request.ambiguous, found, found,
                   seen.classification.worded_as_shipped});
    for (const Unmasked& one : seen.classification.unmasked) all.at(one.id - 1).late = one.request_class;
  });
  EXPECT_TRUE(read.has_value()) << read.error().text();
  return all;
}

void expect_no_chat_taken(const std::vector<Labelled>& all) {
  for (const Labelled& one : all) {
    if (one.ambiguous || is_task(one.label)) continue;
    EXPECT_FALSE(is_task(one.soon) || is_task(one.late))
        << one.id << " is a " << to_text(one.label) << ", taken for a " << to_text(one.late);
  }
}

// Recall of the right class, for each release and kind of template by itself.
void expect_recall(const std::vector<Labelled>& all, const std::string& kind, double least) {
  std::map<std::string, std::pair<int, int>> counts;
  std::map<std::string, std::string> misses;
  for (const Labelled& one : all) {
    if (one.ambiguous || !one.group.ends_with(" " + kind)) continue;
    if (!is_task(one.label) && one.label != RequestClass::moa) continue;
    auto& [found, wanted] = counts[one.group];
    ++wanted;
    if (one.late == one.label)
      ++found;
    else
      misses[one.group] += " " + one.id + "=" + std::string(to_text(one.late));
  }
  EXPECT_FALSE(counts.empty()) << "no task of kind " << kind;
  for (const auto& [group, count] : counts)
    EXPECT_GE(static_cast<double>(count.first), least * count.second) << group << " misses" << misses[group];
}

TEST(OwnCorpus, HoldsEnoughOfEachKindToTell) {
  std::set<RequestClass> classes;
  const auto all = classify_file(TASKLANE_SOURCE_DIR "/tests/corpus/tasklane.jsonl");
  for (const Labelled& one : all) classes.insert(one.label);
  EXPECT_GE(all.size(), 300u);
  EXPECT_GE(classes.size(), 9u);
}

TEST(OwnCorpus, HasNoChatThatIsTakenForATask) {
  expect_no_chat_taken(classify_file(TASKLANE_SOURCE_DIR "/tests/corpus/tasklane.jsonl"));
}

TEST(OwnCorpus, HasItsTasksFound) {
  const auto all = classify_file(TASKLANE_SOURCE_DIR "/tests/corpus/tasklane.jsonl");
  expect_recall(all, "default", 0.99);
  expect_recall(all, "custom", 0.95);
}

class SharedCorpus : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* const named = std::getenv("TASKLANE_SHARED_CORPUS");
    file_ = std::filesystem::path(named != nullptr ? named : TASKLANE_SOURCE_DIR "/../shared/corpus") /
            GetParam();
    if (!std::filesystem::exists(file_)) GTEST_SKIP() << "no " << file_ << ": set TASKLANE_SHARED_CORPUS";
  }
  std::filesystem::path file_;
};

TEST_P(SharedCorpus, HasNoChatThatIsTakenForATask) { expect_no_chat_taken(classify_file(file_)); }

TEST_P(SharedCorpus, HasItsDefaultTasksFound) { expect_recall(classify_file(file_), "default", 0.99); }

TEST_P(SharedCorpus, HasItsDefaultTemplatesKnownByTheirWords) {
  int known = 0;
  int all = 0;
  for (const Labelled& one : classify_file(file_)) {
    if (one.ambiguous || class_row(one.label).schema.find("max") == std::string_view::npos) continue;
    const bool shipped = one.group.ends_with(" default");
    if (!shipped) {
      EXPECT_FALSE(one.worded_as_shipped) << one.id;
    }
    all += shipped ? 1 : 0;
    known += shipped && one.worded_as_shipped ? 1 : 0;
  }
  EXPECT_GE(known, 0.98 * all);
  EXPECT_GT(all, 100);
}

INSTANTIATE_TEST_SUITE_P(Files, SharedCorpus, testing::Values("open-webui.jsonl", "recorded.jsonl"),
                         [](const auto& one) {
                           return std::string(one.param).substr(0, 4) == "open" ? "open_webui" : "recorded";
                         });

using SharedCustomTemplates = SharedCorpus;
TEST_P(SharedCustomTemplates, AreFoundByTheirChats) { expect_recall(classify_file(file_), "custom", 0.95); }
INSTANTIATE_TEST_SUITE_P(Files, SharedCustomTemplates, testing::Values("recorded.jsonl"),
                         [](const auto&) { return std::string("recorded"); });

}  // namespace
}  // namespace tasklane
