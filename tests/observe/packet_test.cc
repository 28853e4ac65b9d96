// Frames of all link layers that are read, and what is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/talk.h"

namespace tasklane::observe {
namespace {

const std::string segment = wire::tcp(40000, 11434, {.sequence = 7, .acknowledged = 9}, "hello");
const std::string ipv4 = wire::ipv4("10.1.2.3", "10.1.2.4", segment);
const std::string ipv6 = wire::ipv6("fd00::1", "fd00::2", segment);

void expect_read(LinkLayer link, const std::string& frame, const char* source = "10.1.2.3") {
  const Frame read = read_frame(link, frame, frame.size());
  ASSERT_EQ(read.kind, FrameKind::tcp);
  EXPECT_EQ(address_text(read.segment.source.address), source);
  EXPECT_EQ(read.segment.destination.port, 11434);
  EXPECT_EQ(read.segment.sequence, 7u);
  EXPECT_EQ(read.segment.payload, "hello");
  EXPECT_EQ(frame.substr(read.segment.payload_at, 5), "hello");
}

TEST(Packets, AreReadOfEveryLinkLayer) {
  expect_read(LinkLayer::ethernet, wire::ethernet(0x0800, ipv4));
  expect_read(LinkLayer::raw_ip, ipv4);
  expect_read(LinkLayer::null_loopback, std::string("\2\0\0\0", 4) + ipv4);
  expect_read(LinkLayer::cooked, std::string(14, '\0') + "\x08" + std::string(1, '\0') + ipv4);
  expect_read(LinkLayer::cooked_2, "\x08" + std::string(19, '\0') + ipv4);
}

TEST(Packets, AreReadBehindVlanTags) {
  const std::string tag("\x00\x05\x08\x00", 4);
  expect_read(LinkLayer::ethernet, wire::ethernet(0x8100, tag + ipv4));
  const std::string outer("\x00\x05\x81\x00", 4);
  expect_read(LinkLayer::ethernet, wire::ethernet(0x88A8, outer + tag + ipv4));
}

TEST(Packets, AreReadOfIpv6AndBehindItsExtensionHeaders) {
  expect_read(LinkLayer::ethernet, wire::ethernet(0x86DD, ipv6), "fd00::1");
  const std::string options(7, '\0');
  const std::string longer = "\1" + std::string(14, '\0');
  const std::string atomic(7, '\0');
  const std::string chained =
      wire::ipv6("fd00::1", "fd00::2", segment, {{0, options}, {60, longer}, {43, options}, {44, atomic}});
  expect_read(LinkLayer::ethernet, wire::ethernet(0x86DD, chained), "fd00::1");
  EXPECT_TRUE(read_frame(LinkLayer::raw_ip, chained, chained.size()).segment.routed_by_header);
}

TEST(Packets, EndWhereTheIpHeaderSaysAndNotWithThePadding) {
  expect_read(LinkLayer::ethernet, wire::ethernet(0x0800, ipv4) + std::string(20, '\0'));
}

TEST(Packets, WhatWasNotCapturedOfThemIsTold) {
  const std::string frame = wire::ethernet(0x0800, ipv4);
  const Frame read =
      read_frame(LinkLayer::ethernet, std::string_view(frame).substr(0, frame.size() - 3), frame.size());
  EXPECT_EQ(read.segment.payload, "he");
  EXPECT_EQ(read.segment.cut, 3u);
}

TEST(Packets, FragmentsOtherProtocolsAndRubbishAreNoSegments) {
  std::string fragment = ipv4;
  fragment[7] = 1;
  EXPECT_EQ(read_frame(LinkLayer::raw_ip, fragment, fragment.size()).kind, FrameKind::fragment);
  std::string udp = ipv4;
  udp[9] = 17;
  EXPECT_EQ(read_frame(LinkLayer::raw_ip, udp, udp.size()).kind, FrameKind::other_protocol);
  const std::string arp = wire::ethernet(0x0806, std::string(28, '\0'));
  EXPECT_EQ(read_frame(LinkLayer::ethernet, arp, arp.size()).kind, FrameKind::other_protocol);
  EXPECT_EQ(read_frame(LinkLayer::raw_ip, "", 0).kind, FrameKind::malformed);
}

// Every beginning of a frame, as a broken capture may hold it.
TEST(Packets, ThatEndAnywhereAreReadWithoutHarm) {
  for (const std::string& frame : {wire::ethernet(0x0800, ipv4), wire::ethernet(0x86DD, ipv6)})
    for (std::size_t length = 0; length < frame.size(); ++length)
      for (const LinkLayer link : {LinkLayer::ethernet, LinkLayer::raw_ip, LinkLayer::cooked,
                                   LinkLayer::cooked_2, LinkLayer::null_loopback})
        read_frame(link, std::string_view(frame).substr(0, length), frame.size());
}

TEST(LinkLayers, ThatAreNotReadAreToldApart) {
  EXPECT_EQ(link_layer_of(113), LinkLayer::cooked);
  EXPECT_EQ(link_layer_of(276), LinkLayer::cooked_2);
  EXPECT_FALSE(link_layer_of(105));  // 802.11
}

TEST(Addresses, AreWrittenAsRfc5952Says) {
  for (const char* text : {"10.0.0.1", "::1", "fd00::1:0:0:1", "2001:db8::", "::"})
    EXPECT_EQ(address_text(parse_ip(text).value()), text);
}

}  // namespace
}  // namespace tasklane::observe
