// A head with some fields changed, and every other byte as it was.
#include <gtest/gtest.h>

#include <string>

#include "shaper/http/head_rewrite.h"

namespace tasklane {
namespace {

const std::string head =
    "POST /api/chat HTTP/1.1\r\nhOsT:  old:1 \r\nX-Odd:\t a:b \r\nContent-Length: 5\r\nAccept: */*\r\n\r\n";

TEST(HeadRewrite, WithoutAnyChangeEveryByteStays) { EXPECT_EQ(rewrite_head(head, {}), head); }

TEST(HeadRewrite, TheNewAuthorityStandsWhereTheOldOneStood) {
  HeadChanges changes;
  changes.host = "new:2";
  EXPECT_EQ(rewrite_head(head, changes),
            "POST /api/chat HTTP/1.1\r\nHost: new:2\r\nX-Odd:\t a:b \r\nContent-Length: 5\r\nAccept: "
            "*/*\r\n\r\n");
}

TEST(HeadRewrite, AHeadWithoutAuthorityGetsOneAndOneWithTwoKeepsOne) {
  HeadChanges changes;
  changes.host = "new:2";
  EXPECT_EQ(rewrite_head("GET / HTTP/1.0\r\n\r\n", changes), "GET / HTTP/1.0\r\nHost: new:2\r\n\r\n");
  EXPECT_EQ(rewrite_head("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", changes),
            "GET / HTTP/1.1\r\nHost: new:2\r\n\r\n");
}

TEST(HeadRewrite, ANewLengthReplacesEveryOtherFraming) {
  HeadChanges changes;
  changes.content_length = 17;
  EXPECT_EQ(rewrite_head("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nA: b\r\nContent-length: 5\r\n\r\n",
                         changes),
            "POST / HTTP/1.1\r\nA: b\r\nContent-Length: 17\r\n\r\n");
}

TEST(HeadRewrite, ChunkedReplacesALength) {
  HeadChanges changes;
  changes.chunked = true;
  EXPECT_EQ(rewrite_head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\n", changes),
            "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(HeadRewrite, AMessageThatEndsItsConnectionSaysSoOnceAndHasNoOtherFraming) {
  HeadChanges changes;
  changes.close = true;
  EXPECT_EQ(rewrite_head("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n"
                         "Transfer-Encoding: chunked\r\nA: b\r\n\r\n",
                         changes),
            "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n");
}

TEST(HeadRewrite, NamedFieldsAreLeftOutInAnyCase) {
  HeadChanges changes;
  changes.without = {"Expect", "Accept-Encoding"};
  EXPECT_EQ(
      rewrite_head("POST / HTTP/1.1\r\nEXPECT: 100-continue\r\naccept-encoding: gzip\r\nAccept: x\r\n\r\n",
                   changes),
      "POST / HTTP/1.1\r\nAccept: x\r\n\r\n");
}

TEST(HeadRewrite, AnotherBodyLosesWhatWasSaidOfTheOldOne) {
  HeadChanges changes;
  changes.other_body = true;
  changes.content_length = 3;
  EXPECT_EQ(
      rewrite_head("HTTP/1.1 200 OK\r\netag: \"x\"\r\nContent-MD5: a\r\nDigest: b\r\nContent-Digest: c\r\n"
                   "Repr-Digest: d\r\nTrailer: X\r\nServer: s\r\n\r\n",
                   changes),
      "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 3\r\n\r\n");
}

TEST(HeadRewrite, ChunkedIsSaidByNobodyWhoSpeaksHttp10) {
  HeadChanges changes;
  changes.chunked = true;
  EXPECT_EQ(rewrite_head("HTTP/1.0 200 OK\r\nServer: s\r\n\r\n", changes),
            "HTTP/1.1 200 OK\r\nServer: s\r\nTransfer-Encoding: chunked\r\n\r\n");
}

}  // namespace
}  // namespace tasklane
