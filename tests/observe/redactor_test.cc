// What a redacted capture holds, and what it no longer holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "observe/talk.h"
#include "shaper/observe/redact_words.h"
#include "shaper/observe/redactor.h"

namespace tasklane::observe {
namespace {

using Json = nlohmann::json;

Packets redacted(const Packets& packets) {
  Packets result;
  Redactor redactor(observer_options().packs, 1, 2, [&](std::string_view frame, std::size_t length, Time at) {
    result.push_back({std::string(frame), at, length});
  });
  for (const Packet& packet : packets)
    redactor.feed(LinkLayer::ethernet, packet.frame, std::max(packet.wire_length, packet.frame.size()),
                  packet.at);
  redactor.finish();
  return result;
}

std::string all_bytes(const Packets& packets) {
  std::string all;
  for (const Packet& packet : packets) all += packet.frame;
  return all;
}

// What was sent, in order: retransmissions and holes have no place in these tests.
std::string payload(const Packets& packets) {
  std::string all;
  for (const Packet& packet : packets)
    all += read_frame(LinkLayer::ethernet, packet.frame, packet.frame.size()).segment.payload;
  return all;
}

bool checksums_right(const Packet& packet) {
  const Frame frame = read_frame(LinkLayer::ethernet, packet.frame, packet.frame.size());
  const auto word = [&](std::size_t at) {
    const auto high = static_cast<unsigned char>(packet.frame[at]);
    const auto low = at + 1 < packet.frame.size() ? static_cast<unsigned char>(packet.frame[at + 1]) : 0;
    return static_cast<std::uint32_t>(high) << 8U | static_cast<std::uint32_t>(low);
  };
  const auto folded = [](std::uint64_t sum) {
    while (sum >> 16U != 0) sum = (sum & 0xFFFF) + (sum >> 16U);
    return sum;
  };
  const std::size_t ip = frame.segment.network_at, tcp = frame.segment.transport_at;
  const bool ipv4 = is_ipv4(frame.segment.source.address);
  std::uint64_t sum = 6 + packet.frame.size() - tcp;
  for (std::size_t at = ip + (ipv4 ? 12 : 8); at < ip + (ipv4 ? 20 : 40); at += 2) sum += word(at);
  for (std::size_t at = tcp; at < packet.frame.size(); at += 2) sum += word(at);
  if (folded(sum) != 0xFFFF) return false;
  std::uint64_t head = 0;
  for (std::size_t at = ip; ipv4 && at < tcp; at += 2) head += word(at);
  return !ipv4 || folded(head) == 0xFFFF;
}

constexpr const char* secret_request =
    "POST /v1/chat/completions?key=secretquery HTTP/1.1\r\nHost: model.example.org:11434\r\n"
    "Authorization: Bearer sk-verysecret\r\nCookie: session=cookiesecret\r\nX-Company-Field: acmecorp\r\n"
    "User-Agent: curl/8\r\nContent-Type: application/json\r\nContent-Length: ";

std::string secret_body() {
  return R"({"model":"qwen2.5:3b","stream":true,"user":"alice@example.org","messages":[)"
         R"({"role":"system","content":"You help Gertrude with taxes"},)"
         R"({"role":"user","content":[{"type":"text","text":"My salary is \u20ac 54321 \"exactly\", see\nwww.mybank.example"},)"
         R"({"type":"image_url","image_url":{"url":"data:image/png;base64,QUJDREVG"}}]}],)"
         R"("tools":[{"type":"function","function":{"name":"lookup_client","description":"Finds clients",)"
         R"("parameters":{"type":"object","properties":{"clientnumber":{"type":"integer","default":77123}}}}}]})";
}

Packets secret_talk(Talk& talk) {
  const std::string body = secret_body();
  Packets packets = talk.opening(0);
  packets += talk.client(0, secret_request + std::to_string(body.size()) + "\r\n\r\n" + body);
  packets += talk.server(100,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nSet-Cookie: "
                         "answersecret\r\nTransfer-Encoding: chunked\r\n\r\n");
  packets += talk.server(
      200, chunk("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Gertrude pays\"}}]}\n\n"));
  packets += talk.server(
      250, chunk("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\ndata: "
                 "[DONE]\n\n") +
               "0\r\n\r\n");
  packets += talk.fin(0, 300);
  return packets;
}

TEST(Redactor, LeavesNoWordNoCredentialAndNoAddress) {
  Talk talk("203.0.113.77", 40000, "fd00::beef", 11434);
  Talk ipv4("192.168.7.9", 40000, "192.168.7.1");
  for (Talk* const one : {&ipv4}) {
    const std::string bytes = all_bytes(redacted(secret_talk(*one)));
    for (const char* const word :
         {"secretquery", "example",      "verysecret", "cookiesecret", "acmecorp", "Company",
          "curl",        "alice",        "Gertrude",   "taxes",        "salary",   "54321",
          "exactly",     "mybank",       "QUJD",       "lookup",       "Finds",    "clientnumber",
          "77123",       "answersecret", "pays",       "u20ac"})
      EXPECT_EQ(bytes.find(word), std::string::npos) << word;
    EXPECT_EQ(bytes.find(std::string("\xC0\xA8\x07", 3)), std::string::npos);
  }
}

TEST(Redactor, KeepsLengthsTimesFramingAndRightChecksums) {
  Talk talk;
  const Packets before = secret_talk(talk);
  const Packets after = redacted(before);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].frame.size(), before[i].frame.size());
    EXPECT_EQ(after[i].at, before[i].at);
    EXPECT_TRUE(checksums_right(after[i])) << i;
  }
  const Watched one(before), two(after);
  EXPECT_EQ(two.only().request_class(), one.only().request_class());
  EXPECT_EQ(two.only().model, "qwen2.5:3b");
  EXPECT_EQ(two.only().figures.generated_tokens, 5u);
  EXPECT_EQ(two.only().ended, one.only().ended);
}

TEST(Redactor, WritesValidJsonOfTheSameShape) {
  Talk talk;
  const std::string sent = payload(redacted(secret_talk(talk)));
  const std::size_t begin = sent.find("\r\n\r\n") + 4;
  const Json body = Json::parse(sent.substr(begin, secret_body().size()));
  EXPECT_EQ(body["messages"][1]["role"], "user");
  EXPECT_EQ(body["messages"][1]["content"][0]["type"], "text");
  EXPECT_EQ(body["tools"].size(), 1u);
}

TEST(Redactor, WorksOnIpv6) {
  Talk talk("fd00:1234::5", 40000, "fd00:1234::6");
  const Packets after = redacted(secret_talk(talk));
  EXPECT_EQ(all_bytes(after).find(std::string("\xFD\x00\x12\x34", 4)), std::string::npos);
  for (const Packet& packet : after) EXPECT_TRUE(checksums_right(packet));
}

TEST(Redactor, WhatIsNoHttpOrBehindAHoleIsReplacedToTheLastByte) {
  Talk talk;
  Packets packets = talk.opening(0);
  packets += talk.client(0, std::string("\x16\x03\x01 hello secret", 16));
  packets += talk.server(1, "SSH-2.0-secret");
  Talk holed("10.77.0.1", 40001);
  packets += holed.opening(0);
  packets += holed.client(0, chat_request("secretone"));
  packets += holed.server(1, stream_head);
  holed.server(2, token("lost"));
  packets += holed.server(3, token("secrettwo") + stream_end());
  packets += holed.fin(1, 4);
  const Packets after = redacted(packets);
  EXPECT_EQ(after.size(), packets.size());
  EXPECT_EQ(all_bytes(after).find("secret"), std::string::npos);
  EXPECT_EQ(all_bytes(after).find("SSH"), std::string::npos);
}

TEST(Redactor, ARetransmittedSegmentIsReplacedAlike) {
  Talk talk;
  Packets packets;
  for (const Packet& packet : secret_talk(talk)) {
    packets += packet;
    packets += packet;
  }
  const Packets after = redacted(packets);
  for (std::size_t i = 0; i + 1 < after.size(); i += 2) EXPECT_EQ(after[i].frame, after[i + 1].frame);
}

struct Line {
  std::string label, path, head, body;
  double at = 0;
};
std::vector<Line> corpus() {
  std::ifstream in(TASKLANE_SOURCE_DIR "/tests/corpus/tasklane.jsonl");
  std::vector<Line> lines;
  for (std::string text; std::getline(in, text);) {
    const Json json = Json::parse(text);
    Line line{json["label"], json["path"], {}, json["body"], json["t"]};
    for (const auto& field : json["headers"])
      if (field[0] != "Content-Length")
        line.head += field[0].get<std::string>() + ": " + field[1].get<std::string>() + "\r\n";
    lines.push_back(std::move(line));
  }
  return lines;
}

// Every request of the corpus on a connection of its own, each answered at once.
Packets corpus_talk(const std::vector<Line>& lines) {
  Packets packets;
  unsigned port = 10'000;
  double before = 0;
  std::int64_t ms = 0;
  for (const Line& line : lines) {
    ms += line.at >= before ? static_cast<std::int64_t>((line.at - before) * 1000) : 3'600'000;
    before = line.at;
    Talk talk("10.77.0.1", port++);
    packets += talk.opening(ms);
    packets += talk.client(ms, "POST " + line.path + " HTTP/1.1\r\n" + line.head + "Content-Length: " +
                                   std::to_string(line.body.size()) + "\r\n\r\n" + line.body);
    packets += talk.server(
        ms + 20, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    packets += talk.fin(0, ms + 20);
    packets += talk.fin(1, ms + 20);
  }
  return packets;
}

TEST(Redactor, EveryRequestOfTheCorpusIsOfTheSameClassAfterwards) {
  const std::vector<Line> lines = corpus();
  const Packets before = corpus_talk(lines);
  const Watched one(before), two(redacted(before));
  ASSERT_EQ(one.requests().size(), lines.size());
  ASSERT_EQ(two.requests().size(), lines.size());
  std::size_t other = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool same = one.requests()[i].request_class() == two.requests()[i].request_class();
    if (!same && ++other < 10)
      ADD_FAILURE() << lines[i].label << ": " << to_text(one.requests()[i].request_class()) << " became "
                    << to_text(two.requests()[i].request_class()) << " " << one.requests()[i].found.mark;
  }
  EXPECT_EQ(other, 0u);
}

void take_words(const std::string& text, std::set<std::string>& words) {
  std::string word;
  for (const char c : text + " ") {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += c;
      continue;
    }
    if (word.size() >= 5) words.insert(word);
    word.clear();
  }
}

// Every text in a JSON value.
void take_texts(const Json& json, std::set<std::string>& words) {
  if (json.is_string()) take_words(json.get<std::string>(), words);
  if (json.is_structured())
    for (const auto& each : json) take_texts(each, words);
}

TEST(Redactor, NoWordThatSomebodySaidInTheCorpusIsLeft) {
  const std::vector<Line> lines = corpus();
  const std::string after = all_bytes(redacted(corpus_talk(lines)));
  // Words that tell a task, and the protocols' own.
  std::ifstream pack(TASKLANE_SOURCE_DIR "/config/packs/open-webui.json");
  std::set<std::string> known{"stream", "false", "History", "history", "assistant"};
  take_words({std::istreambuf_iterator<char>(pack), {}}, known);
  for (const std::string_view list : {kept_keys, kept_fields, known_fields, kept_segments})
    take_words(std::string(list), known);
  std::set<std::string> said;
  for (const Line& line : lines) take_texts(Json::parse(line.body), said);
  std::size_t left = 0;
  EXPECT_GT(said.size(), 200u);
  for (const std::string& word : said)
    if (known.count(word) == 0 && after.find(word) != std::string::npos && ++left < 20) ADD_FAILURE() << word;
  EXPECT_EQ(left, 0u);
}

}  // namespace
}  // namespace tasklane::observe
