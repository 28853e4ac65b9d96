// TCP as captures hold it. The first eight are what libraries are known to get wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "observe/talk.h"

namespace tasklane::observe {
namespace {

using testing::SizeIs;

std::int64_t ms_between(Time from, Time to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count();
}

// A request at 0 ms, the answer's head at 10, two tokens at 100 and 200, the end at 300.
Packets whole_talk(Talk& talk) {
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request());
  packets += talk.server(10, stream_head);
  packets += talk.server(100, token("The "));
  packets += talk.server(200, token("moon"));
  packets += talk.server(300, stream_end());
  return packets;
}

void expect_whole(const ObservedRequest& request) {
  EXPECT_EQ(request.request_class(), RequestClass::chat);
  EXPECT_EQ(request.how, Ending::whole);
  ASSERT_TRUE(request.first_token && request.ended);
  EXPECT_EQ(ms_between(request.whole, *request.first_token), 100);
  EXPECT_EQ(ms_between(request.whole, *request.ended), 300);
  EXPECT_EQ(request.figures.prompt_tokens, 12u);
  EXPECT_EQ(request.figures.generated_tokens, 3u);
}

TEST(WhatLibrariesGetWrong, DataBehindAnEarlyFinIsNotLost) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request());
  packets += talk.server(10, stream_head);
  packets += talk.server(100, token("The "));
  const Packet late = talk.server(200, token("moon") + stream_end());
  packets += talk.fin(1, 201);
  packets += late;
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(1));
  EXPECT_EQ(seen.only().how, Ending::whole);
  EXPECT_EQ(seen.only().figures.generated_tokens, 3u);
}

TEST(WhatLibrariesGetWrong, AnAcknowledgementThatIsCapturedBeforeItsDataIsNoLoss) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request());
  packets += talk.server(10, stream_head);
  const Packet first = talk.server(100, token("The "));
  const Packet second = talk.server(100, token("moon"));
  packets += second;
  packets += talk.ack(0, 100);  // of both, and the first is still to come
  packets += first;
  packets += talk.server(300, stream_end());
  const Watched seen(packets);
  expect_whole(seen.only());
  EXPECT_EQ(seen.observation.streams().gaps, 0u);
}

TEST(WhatLibrariesGetWrong, OneDirectionAloneIsNotKeptForEver) {
  Talk talk;
  Packets packets = talk.opening(0);
  const std::string request = chat_request();
  packets += talk.client(0, request.substr(0, 50));
  talk.client(1, request.substr(50, 10));  // lost
  packets += talk.client(2, request.substr(60));
  for (Packet& packet : packets)
    if (packet.frame.substr(26, 4) == std::string("\x0A\x4D\x00\x02", 4)) packet.frame.clear();
  std::erase_if(packets, [](const Packet& packet) { return packet.frame.empty(); });
  Observation observation(observer_options(), {});
  for (const Packet& packet : packets)
    observation.feed(LinkLayer::ethernet, packet.frame, packet.frame.size(), packet.at);
  observation.tick(at_ms(6'000));
  EXPECT_EQ(observation.streams().gaps, 1u);
  EXPECT_EQ(observation.http().requests_given_up, 1u);
}

TEST(WhatLibrariesGetWrong, OneDirectionAloneShowsItsRequests) {
  Talk talk;
  Packets packets;
  packets += talk.syn(0);
  packets += talk.client(1, chat_request("one"));
  packets += talk.client(1000, chat_request("two"));
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(2));
  EXPECT_EQ(seen.requests()[1].how, Ending::not_seen);
}

TEST(WhatLibrariesGetWrong, AStartInTheMiddleIsReleasedAndReadsOnAtTheNextRequest) {
  Talk talk;
  talk.opening(0);  // before the capture
  talk.client(0, chat_request("not captured"));
  Packets packets;
  packets += talk.server(5, token("tail of an "));
  packets += talk.server(6, stream_end());
  packets += talk.client(1000, chat_request());
  packets += talk.server(1010, stream_head);
  packets += talk.server(1100, token("The "));
  packets += talk.server(1300, stream_end());
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(1));
  expect_whole(seen.only());
  EXPECT_EQ(seen.observation.streams().begun_in_the_middle, 1u);
}

TEST(WhatLibrariesGetWrong, AChunkedTailInASegmentOfItsOwnIsRead) {
  Talk talk;
  Packets packets = whole_talk(talk);
  packets.pop_back();
  talk.next[1] -= static_cast<std::uint32_t>(stream_end().size());
  const std::string end = stream_end();
  packets += talk.server(290, end.substr(0, end.size() - 5));
  packets += talk.server(300, end.substr(end.size() - 5));  // "0\r\n\r\n"
  expect_whole(Watched(packets).only());
}

TEST(WhatLibrariesGetWrong, TheFirstCopyOfAByteWins) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request());
  packets += talk.server(10, stream_head);
  const std::uint32_t place = talk.next[1];
  const std::string text = token("The ");
  packets += talk.server(100, text);
  // Another text for the same numbers and a little more behind it.
  packets += talk.raw(1, 150, {.sequence = place, .acknowledged = talk.next[0]},
                      std::string(text.size(), 'x') + token("moon").substr(0, 7));
  packets += talk.raw(1, 200, {.sequence = talk.next[1], .acknowledged = talk.next[0]}, token("moon"));
  talk.next[1] += static_cast<std::uint32_t>(token("moon").size());
  packets += talk.server(300, stream_end());
  const Watched seen(packets);
  expect_whole(seen.only());
  EXPECT_EQ(seen.observation.streams().overlaps, 2u);
}

TEST(WhatLibrariesGetWrong, ALostPieceGivesUpItsMessageAndNeverAnother) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request("one"));
  packets += talk.server(10, stream_head);
  talk.server(100, token("lost"));
  packets += talk.server(200, token("moon"));
  packets += talk.ack(0, 201);
  packets += talk.server(300, stream_end(77, 77));
  packets += talk.client(2000, chat_request("two"));
  packets += talk.server(2010, stream_head);
  packets += talk.server(2100, token("The "));
  packets += talk.server(2300, stream_end());
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(2));
  EXPECT_EQ(seen.requests()[0].how, Ending::gap);
  EXPECT_FALSE(seen.requests()[0].figures.generated_tokens);
  expect_whole(seen.requests()[1]);
  EXPECT_EQ(seen.observation.http().answers_given_up, 1u);
}

TEST(Reassembly, ALostRequestTakesNoOthersAnswer) {
  Talk talk;
  Packets packets = talk.opening(0);
  talk.client(0, chat_request("lost"));
  packets += talk.server(10, whole_answer());
  packets += talk.client(3000, chat_request("two"));
  packets += talk.server(3010, stream_head);
  packets += talk.server(3100, token("The "));
  packets += talk.server(3300, stream_end());
  packets += talk.ack(0, 3400);
  packets += talk.ack(1, 5000);
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(1));
  expect_whole(seen.only());
}

// Every order of the answer's segments within a moment, each told as if they had come in order.
TEST(Reassembly, AnyOrderOfSegmentsIsOneStream) {
  std::vector<int> order{0, 1, 2, 3};
  do {
    Talk talk;
    Packets packets = talk.opening(0);
    packets += talk.client(0, chat_request());
    const Packets answer{talk.server(100, stream_head), talk.server(100, token("The ")),
                         talk.server(100, token("moon")), talk.server(100, stream_end())};
    for (const int each : order) packets += answer[static_cast<std::size_t>(each)];
    const Watched seen(packets);
    ASSERT_EQ(seen.only().how, Ending::whole);
    ASSERT_EQ(seen.only().bytes_down, Watched([] {
                                        Talk straight;
                                        return whole_talk(straight);
                                      }())
                                          .only()
                                          .bytes_down);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Reassembly, EverySegmentTwiceIsCountedAndChangesNothing) {
  Talk talk;
  Packets twice;
  for (const Packet& packet : whole_talk(talk)) {
    twice += packet;
    twice += packet;
  }
  const Watched seen(twice);
  ASSERT_THAT(seen.requests(), SizeIs(1));
  expect_whole(seen.only());
  EXPECT_EQ(seen.observation.streams().again, 5u);
}

TEST(Reassembly, SequenceNumbersMayPassTheirEnd) {
  Talk talk;
  talk.next[0] = 0xFFFFFFF0;
  talk.next[1] = 0xFFFFFFFF - 60;
  const Watched seen(whole_talk(talk));
  expect_whole(seen.only());
}

TEST(Reassembly, SegmentsOfAByteEachAreOneStream) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.in_pieces(0, 0, chat_request(), 1);
  packets += talk.in_pieces(1, 5000, whole_answer(), 1);
  EXPECT_EQ(Watched(packets).only().how, Ending::whole);
}

TEST(Reassembly, ASegmentPast64KiBIsAsLongAsItsFrame) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request(std::string(150'000, 'a')));
  packets += talk.server(100, whole_answer());
  const Watched seen(packets);
  EXPECT_EQ(seen.only().how, Ending::whole);
  EXPECT_GT(seen.only().bytes_up, 150'000u);
}

TEST(Reassembly, KeepAliveProbesAreNoData) {
  Talk talk;
  Packets packets = whole_talk(talk);
  packets +=
      talk.raw(0, 60'000, {.sequence = talk.next[0] - 1, .acknowledged = talk.next[1]}, std::string(1, '\0'));
  packets += talk.raw(1, 60'001, {.sequence = talk.next[1], .acknowledged = talk.next[0]});
  packets += talk.client(61'000, chat_request("again"));
  packets += talk.server(61'100, whole_answer());
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(2));
  EXPECT_EQ(seen.requests()[1].how, Ending::whole);
  EXPECT_EQ(seen.observation.streams().keep_alives, 1u);
}

TEST(Reassembly, AClientThatClosesHasLeft) {
  Talk talk;
  Packets packets = whole_talk(talk);
  packets.pop_back();
  packets += talk.rst(0, 250);
  const Watched seen(packets);
  EXPECT_EQ(seen.only().how, Ending::client_left);
}

TEST(Reassembly, AServerThatResetsHasCut) {
  Talk talk;
  Packets packets = whole_talk(talk);
  packets.pop_back();
  talk.next[1] -= static_cast<std::uint32_t>(stream_end().size());
  packets += talk.rst(1, 250);
  EXPECT_EQ(Watched(packets).only().how, Ending::cut);
}

TEST(Reassembly, ANewConnectionBetweenTheSameSocketsIsAnotherOne) {
  Talk talk;
  Packets packets = whole_talk(talk);
  packets += talk.fin(0, 400);
  packets += talk.fin(1, 401);
  talk.next[0] += 100'000;
  talk.next[1] += 3;
  packets += talk.opening(500);
  packets += talk.client(500, chat_request("more"));
  packets += talk.server(600, whole_answer());
  const Watched seen(packets);
  ASSERT_THAT(seen.requests(), SizeIs(2));
  EXPECT_EQ(seen.requests()[1].how, Ending::whole);
}

TEST(Reassembly, AConnectionBehindAnAddressTranslationIsSeenOnce) {
  Talk outside("192.168.1.5", 40000, "192.168.1.9");
  Talk inside("192.168.1.5", 40000, "172.17.0.2");
  Packets packets;
  const Packets one = whole_talk(outside);
  const Packets two = whole_talk(inside);
  for (std::size_t i = 0; i < one.size(); ++i) {
    packets += one[i];
    packets += two[i];
  }
  const Watched seen(packets);
  EXPECT_THAT(seen.requests(), SizeIs(1));
  EXPECT_EQ(seen.observation.streams().mirrored, 1u);
}

TEST(Reassembly, WhatThePacketsEndCutOffIsAGap) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request());
  Packet cut = talk.server(10, whole_answer());
  cut.wire_length = cut.frame.size();
  cut.frame.resize(cut.frame.size() - 30);
  packets += cut;
  const Watched seen(packets);
  EXPECT_EQ(seen.only().how, Ending::gap);
  EXPECT_EQ(seen.observation.streams().gap_bytes, 30u);
}

TEST(Reassembly, WhatPilesUpBehindAHoleIsBounded) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, chat_request());
  packets += talk.server(10, stream_head);
  talk.server(11, token("lost"));
  const std::string piece(1000, 'x');
  for (int i = 0; i < 1000; ++i) packets += talk.server(12, piece);
  ReassemblyLimits limits;
  limits.flow_bytes = 20'000;
  const Watched seen(packets, limits);
  EXPECT_EQ(seen.observation.streams().gaps, 1u);
}

TEST(Reassembly, ManyFlowsAreBounded) {
  ReassemblyLimits limits;
  limits.flows = 100;
  Packets packets;
  for (unsigned port = 1; port <= 1000; ++port) packets += Talk("10.77.0.1", port).syn(0);
  const Watched seen(packets, limits);
  EXPECT_EQ(seen.observation.streams().forgotten_for_room, 900u);
}

}  // namespace
}  // namespace tasklane::observe
