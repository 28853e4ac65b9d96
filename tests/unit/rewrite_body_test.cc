// A body after a rule's patch and with the upstream's model.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "shaper/task/request_rewrite.h"

namespace tasklane {
namespace {

Then patch_with(const std::string& patch) {
  Then then;
  then.patch = nlohmann::json::parse(patch);
  return then;
}
Upstream with_model(const std::string& model) {
  Upstream upstream;
  upstream.model = model;
  return upstream;
}

// The body as it would go out.
std::string rewritten(const std::string& body, const Then& then, const Upstream& upstream = {}) {
  return rewritten_bodies(body, then, {&upstream}).front().value_or("unchanged");
}

struct MergeCase {
  const char* original;
  const char* patch;
  const char* result;
};
void PrintTo(const MergeCase& c, std::ostream* out) { *out << c.original << " + " << c.patch; }

class MergePatch : public testing::TestWithParam<MergeCase> {};

// The examples stand inside an object, for a body is one: RFC 7396's own rules make that the same.
TEST_P(MergePatch, GivesWhatTheStandardGives) {
  const std::string body = std::string(R"({"x":)") + GetParam().original + "}";
  const std::string patch = std::string(R"({"x":)") + GetParam().patch + "}";
  std::string expected = std::string(R"({"x":)") + GetParam().result + "}";
  if (std::string(GetParam().patch) == "null") expected = "{}";
  const std::string out = rewritten(body, patch_with(patch));
  EXPECT_EQ(out == "unchanged" ? body : out, expected);
}

// RFC 7396, appendix A.
INSTANTIATE_TEST_SUITE_P(
    Rfc7396, MergePatch,
    testing::Values(MergeCase{R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
                    MergeCase{R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
                    MergeCase{R"({"a":"b"})", R"({"a":null})", R"({})"},
                    MergeCase{R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
                    MergeCase{R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
                    MergeCase{R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
                    MergeCase{R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
                    MergeCase{R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
                    MergeCase{R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
                    MergeCase{R"({"a":"b"})", R"(["c"])", R"(["c"])"},
                    MergeCase{R"({"a":"foo"})", "null", "null"},
                    MergeCase{R"({"a":"foo"})", R"("bar")", R"("bar")"},
                    MergeCase{R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
                    MergeCase{R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
                    MergeCase{R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}));

TEST(RewriteBody, KeysKeepTheirOrderAndNewOnesFollow) {
  EXPECT_EQ(
      rewritten(R"({"stream": false, "model": "m", "messages": [{"role": "user", "content": "é\n\u00e9"}],
                          "options": {"z": 1, "a": 2}})",
                patch_with(R"({"options": {"a": 3, "b": 4}, "think": false})")),
      R"({"stream":false,"model":"m","messages":[{"role":"user","content":"é\né"}],)"
      R"("options":{"z":1,"a":3,"b":4},"think":false})");
}

TEST(RewriteBody, TheUpstreamsModelTakesThePlaceOfTheRequests) {
  EXPECT_EQ(rewritten(R"({"a":1,"model":"big","b":{"model":"big"}})", {}, with_model("small")),
            R"({"a":1,"model":"small","b":{"model":"big"}})");
}

TEST(RewriteBody, TheUpstreamsModelGoesBeforeThePatchsModel) {
  EXPECT_EQ(rewritten(R"({"model":"big"})", patch_with(R"({"model":"other"})"), with_model("small")),
            R"({"model":"small"})");
}

TEST(RewriteBody, ARequestThatNamesNoModelGetsNone) {
  EXPECT_EQ(rewritten(R"({"content":"x"})", {}, with_model("small")), "unchanged");
}

TEST(RewriteBody, WhatAlreadyIsAsAskedIsNotWrittenAnew) {
  EXPECT_EQ(rewritten(R"({ "model" : "small", "think" : false })",
                      patch_with(R"({"think": false, "x": null})"), with_model("small")),
            "unchanged");
  EXPECT_EQ(rewritten("no JSON either", {}), "unchanged");
}

TEST(RewriteBody, AnEmptyObjectThatIsNewIsAChange) {
  EXPECT_EQ(rewritten(R"({"a":1})", patch_with(R"({"options":{}})")), R"({"a":1,"options":{}})");
  EXPECT_EQ(rewritten(R"({"options":{}})", patch_with(R"({"options":{}})")), "unchanged");
  EXPECT_EQ(rewritten(R"({"options":5})", patch_with(R"({"options":{}})")), R"({"options":{}})");
}

TEST(RewriteBody, OfAKeyThatStandsTwiceTheLastCounts) {
  EXPECT_EQ(rewritten(R"({"a":1,"model":"x","a":2})", patch_with(R"({"b":3})")),
            R"({"a":2,"model":"x","b":3})");
}

TEST(RewriteBody, NumbersKeepTheirValue) {
  EXPECT_EQ(rewritten(R"({"i":9223372036854775807,"u":18446744073709551615,"n":-7,"f":0.1,"e":1e-7})",
                      patch_with(R"({"x":1})")),
            R"({"i":9223372036854775807,"u":18446744073709551615,"n":-7,"f":0.1,"e":1e-07,"x":1})");
}

TEST(RewriteBody, WhatIsNoJsonObjectStaysAsItCame) {
  for (const char* body : {"", "no JSON", "[1]", "\"x\"", "{\"a\":1", "{\"a\":\"\xff\"}"})
    EXPECT_EQ(rewritten(body, patch_with(R"({"a":2})")), "unchanged") << body;
}

TEST(RewriteBody, ATextThatWasCutWithinACharacterIsStillRedirected) {
  EXPECT_EQ(rewritten(R"({"model":"big","prompt":"cut \ud83d"})", {}, with_model("small")),
            "{\"model\":\"small\",\"prompt\":\"cut \xef\xbf\xbd\"}");
}

TEST(RewriteBody, ABodyNestedWithoutEndIsNotFollowed) {
  const std::string deep = R"({"a":)" + std::string(1u << 20, '[') + std::string(1u << 20, ']') + "}";
  EXPECT_EQ(rewritten(deep, patch_with(R"({"b":2})")), "unchanged");
}

TEST(RewriteBody, EachUpstreamOfARouteGetsItsOwn) {
  const Upstream small = with_model("small");
  const Upstream plain;
  const auto bodies =
      rewritten_bodies(R"({"model":"big","a":1})", patch_with(R"({"a":2})"), {&small, &plain});
  ASSERT_EQ(bodies.size(), 2u);
  EXPECT_EQ(bodies[0], R"({"model":"small","a":2})");
  EXPECT_EQ(bodies[1], R"({"model":"big","a":2})");
}

}  // namespace
}  // namespace tasklane
