// `tasklane observe -r`: files, whole and broken, and what is written of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "observe/talk.h"
#include "support/temporary_folder.h"
#include "tools/observe/observe.h"
#include "tools/observe/pcapng_writer.h"

namespace tasklane::observe {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

Packets some_talk() {
  Packets packets;
  for (unsigned i = 0; i < 3; ++i) {
    Talk talk("10.77.0.1", 40000 + i);
    packets += talk.opening(i * 1000);
    packets += talk.client(i * 1000 + 1, chat_request("how do tides come about " + std::to_string(i)));
    packets += talk.server(i * 1000 + 100, whole_answer());
  }
  return packets;
}

std::string file_of(const test::TemporaryFolder& folder, const Packets& packets, int link = 1) {
  const std::string path = folder.path() / "talk.pcapng";
  PcapngWriter writer = PcapngWriter::create(path, link, "").value();
  for (const Packet& packet : packets) writer.write(packet.frame, packet.frame.size(), packet.at);
  EXPECT_TRUE(writer.close());
  return path;
}

struct Ran {
  ExitCode code;
  std::string out, err;
};
Ran observe_file(const std::string& file, ObserveOptions options = {}) {
  options.file = file;
  std::ostringstream out, err;
  const ExitCode code = run_observe(options, out, err);
  return {code, out.str(), err.str()};
}
Ran as_json(const std::string& file) {
  ObserveOptions options;
  options.json = true;
  return observe_file(file, options);
}

TEST(ObserveAFile, ShowsItsClassesAndEachRequest) {
  const test::TemporaryFolder folder;
  const Ran ran = as_json(file_of(folder, some_talk()));
  EXPECT_EQ(ran.code, ExitCode::done) << ran.err;
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["classes"][0]["class"], "chat");
  EXPECT_EQ(json["classes"][0]["requests"], 3);
  ASSERT_EQ(json["requests"].size(), 3u);
  EXPECT_DOUBLE_EQ(json["requests"][0]["ttft_s"], 0.099);
  EXPECT_EQ(json["requests"][0]["generated_tokens"], 3);
  EXPECT_EQ(ran.out.find("tides"), std::string::npos);
  EXPECT_EQ(ran.out.find("10.77"), std::string::npos);
}

TEST(ObserveAFile, TwiceIsTheSame) {
  const test::TemporaryFolder folder;
  const std::string file = file_of(folder, some_talk());
  EXPECT_EQ(as_json(file).out, as_json(file).out);
}

TEST(ObserveAFile, ReadsPcapToo) {
  const test::TemporaryFolder folder;
  std::string bytes("\xD4\xC3\xB2\xA1\x02\x00\x04\x00\0\0\0\0\0\0\0\0\x00\x00\x04\x00\x01\x00\x00\x00", 24);
  for (const Packet& packet : some_talk()) {
    const auto put = [&](std::int64_t value) {
      const auto number = static_cast<std::uint32_t>(value);
      bytes.append(reinterpret_cast<const char*>(&number), 4);
    };
    const auto us = packet.at.time_since_epoch().count() / 1000;
    put(us / 1'000'000);
    put(us % 1'000'000);
    put(static_cast<std::int64_t>(packet.frame.size()));
    put(static_cast<std::int64_t>(packet.frame.size()));
    bytes += packet.frame;
  }
  const Json json = Json::parse(as_json(folder.write("talk.pcap", bytes)).out);
  EXPECT_EQ(json["requests"].size(), 3u);
}

TEST(ObserveAFile, ThatIsCutShortShowsWhatIsThereAndSaysSo) {
  const test::TemporaryFolder folder;
  const std::string file = file_of(folder, some_talk());
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 100);
  const Ran ran = as_json(file);
  EXPECT_EQ(ran.code, ExitCode::done);
  EXPECT_THAT(ran.err, HasSubstr("ends before its time"));
  const Json json = Json::parse(ran.out);
  EXPECT_EQ(json["requests"].size(), 3u);
  EXPECT_TRUE(json["capture"]["cut_short"].is_string());
}

// At every length: a clear error, or what is there.
TEST(ObserveAFile, ThatEndsAnywhereDoesNoHarm) {
  const test::TemporaryFolder folder;
  const std::string file = file_of(folder, some_talk());
  for (auto length = std::filesystem::file_size(file); length > 7;
       length -= std::min<std::uintmax_t>(length - 7, 97)) {
    std::filesystem::resize_file(file, length);
    const Ran ran = observe_file(file);
    EXPECT_TRUE(ran.code == ExitCode::done || (ran.code == ExitCode::usage && !ran.err.empty())) << length;
  }
}

TEST(ObserveAFile, OfAnotherLinkLayerSaysWhichAndWhatToDo) {
  const test::TemporaryFolder folder;
  constexpr int wireless = 105;
  const Ran ran = observe_file(file_of(folder, some_talk(), wireless));
  EXPECT_EQ(ran.code, ExitCode::usage);
  EXPECT_THAT(ran.err, HasSubstr("IEEE802_11"));
  EXPECT_THAT(ran.err, HasSubstr("capture on \"any\""));
}

TEST(ObserveAFile, ThatIsNoneOrNotThereSaysSo) {
  const test::TemporaryFolder folder;
  EXPECT_THAT(observe_file(folder.write("notes.txt", "these are no packets")).err, HasSubstr("no capture"));
  EXPECT_EQ(observe_file("/nowhere/at/all").code, ExitCode::usage);
}

TEST(ObserveAFile, AloneThePortsThatAreAskedFor) {
  const test::TemporaryFolder folder;
  ObserveOptions options;
  options.ports = {8080};
  EXPECT_THAT(observe_file(file_of(folder, some_talk()), options).out, HasSubstr("no request"));
}

TEST(ObserveAFile, RedactedIsTheSameTableAndSaysSoInTheFile) {
  const test::TemporaryFolder folder;
  const std::string file = file_of(folder, some_talk());
  ObserveOptions options;
  options.write = folder.path() / "redacted.pcapng";
  options.redact = true;
  const Ran ran = observe_file(file, options);
  EXPECT_EQ(observe_file(options.write).out, ran.out);
  std::ifstream in(options.write, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(bytes, HasSubstr("tasklane: redacted"));
  EXPECT_EQ(bytes.find("tides"), std::string::npos);
  struct stat info {};
  ASSERT_EQ(::stat(options.write.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST(ObserveAFile, WhatCannotBeWrittenIsAnError) {
  const test::TemporaryFolder folder;
  ObserveOptions options;
  options.write = "/nowhere/at/all.pcapng";
  EXPECT_EQ(observe_file(file_of(folder, some_talk()), options).code, ExitCode::usage);
}

}  // namespace
}  // namespace tasklane::observe
