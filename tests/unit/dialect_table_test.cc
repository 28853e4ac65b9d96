// What is known of a dialect stands in its row, and what is written in a dialect is read in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shaper/dialect/assemble.h"
#include "shaper/dialect/endpoint.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

TEST(TheTableOfDialects, HasEachAtItsEnumeratorsPlace) {
  for (const DialectRow* row : dialect_table) {
    EXPECT_EQ(&dialect_row(row->dialect), row) << row->name;
    EXPECT_FALSE(row->name.empty());
    EXPECT_EQ(endpoint_of("POST", "/base/" + std::string(row->path)).dialect, row->dialect) << row->path;
  }
  EXPECT_EQ(dialect_row(Dialect::none).name, "none");
}

TEST(TheTableOfDialects, TakesInWhatItWrites) {
  for (const DialectRow* row : dialect_table) {
    EXPECT_EQ(row->write == nullptr, row->take == nullptr) << row->name;
    if (!writes_answers(row->dialect)) continue;
    Answer answer;
    answer.content = "{\"title\": \"Bread\"}";
    answer.finish_reason = "stop";
    answer.figures.prompt_tokens = 31;
    answer.figures.generated_tokens = 9;
    for (const bool stream : {false, true}) {
      AnswerAssembler read(row->dialect);
      read.feed(render(answer, {row->dialect, stream, true, "smol"}).body);
      read.finish();
      EXPECT_EQ(read.state(), StreamState::complete) << row->name << ": " << read.problem();
      EXPECT_EQ(read.answer().content, answer.content) << row->name;
      EXPECT_EQ(read.figures().generated_tokens, 9u) << row->name;
    }
  }
}

TEST(TheTableOfDialects, ReadsTheTokenLimitThatItSets) {
  for (const DialectRow* row : dialect_table) {
    if (!writes_answers(row->dialect)) continue;
    OrderedJson body = OrderedJson::object();
    set_token_limit(body, row->dialect, 50);
    EXPECT_EQ(token_limit(body, row->dialect), 50) << row->name << ": " << body;
  }
}

}  // namespace
}  // namespace tasklane
