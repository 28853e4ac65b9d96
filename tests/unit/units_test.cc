// Sizes, durations, rates and addresses as people write them.
#include "shaper/base/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "shaper/base/ip_network.h"

namespace tasklane {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(ByteSizes, AreReadInPowersOf1024And1000) {
  EXPECT_EQ(parse_byte_size("512")->bytes, 512u);
  EXPECT_EQ(parse_byte_size("512B")->bytes, 512u);
  EXPECT_EQ(parse_byte_size("64KiB")->bytes, 65536u);
  EXPECT_EQ(parse_byte_size("10kB")->bytes, 10000u);
  EXPECT_EQ(parse_byte_size("1.5MiB")->bytes, 1572864u);
  EXPECT_EQ(parse_byte_size("3 MB")->bytes, 3000000u);
  EXPECT_EQ(parse_byte_size("2GiB")->bytes, 2147483648u);
  EXPECT_EQ(parse_byte_size("1GB")->bytes, 1000000000u);
  EXPECT_EQ(parse_byte_size("0")->bytes, 0u);
}

TEST(ByteSizes, ThatMeanNothingAreRefusedWithAnExample) {
  for (const char* text :
       {"", "MiB", "-1", "nan", "inf", "1e3", "64mib", "1 2", "0x10", "8388608TiB", "9223372036GiB"}) {
    const auto size = parse_byte_size(text);
    ASSERT_FALSE(size.has_value()) << text;
    EXPECT_THAT(size.error().what, HasSubstr("'" + std::string(text) + "'"));
    EXPECT_THAT(size.error().hint, HasSubstr("64MiB"));
  }
}

TEST(Durations, AreReadInEachUnit) {
  EXPECT_EQ(*parse_duration("70ns"), 70ns);
  EXPECT_EQ(*parse_duration("250us"), 250us);
  EXPECT_EQ(*parse_duration("400ms"), 400ms);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("2 m"), 2min);
  EXPECT_EQ(*parse_duration("1h"), 1h);
  EXPECT_EQ(*parse_duration("0s"), 0s);
}

TEST(Durations, WithoutAUnitOrOutOfBoundsAreRefusedWithAnExample) {
  for (const char* text : {"", "5", "ms", "-1s", "1d", "infs", "1e3s", "9999999h"}) {
    const auto duration = parse_duration(text);
    ASSERT_FALSE(duration.has_value()) << text;
    EXPECT_THAT(duration.error().text(), HasSubstr("write it like")) << text;
  }
}

TEST(Rates, AreReadPerSecondMinuteAndHour) {
  EXPECT_DOUBLE_EQ(parse_rate("2/s")->per_second, 2);
  EXPECT_DOUBLE_EQ(parse_rate("30/m")->per_second, 0.5);
  EXPECT_DOUBLE_EQ(parse_rate("1800/h")->per_second, 0.5);
  EXPECT_FALSE(parse_rate("2").has_value());
  EXPECT_FALSE(parse_rate("2/d").has_value());
}

TEST(Percents, AreReadAsAPart) {
  EXPECT_DOUBLE_EQ(parse_percent("5%").value(), 0.05);
  EXPECT_DOUBLE_EQ(parse_percent("12.5 %").value(), 0.125);
  EXPECT_FALSE(parse_percent("5").has_value());
}

TEST(Units, AreWrittenInTheLargestUnitThatFits) {
  EXPECT_EQ(to_text(ByteSize{0}), "0B");
  EXPECT_EQ(to_text(ByteSize{1023}), "1023B");
  EXPECT_EQ(to_text(ByteSize{65536}), "64KiB");
  EXPECT_EQ(to_text(ByteSize{1572864}), "1.5MiB");
  EXPECT_EQ(to_text(ByteSize{3ull << 30}), "3GiB");
  EXPECT_EQ(to_text(ByteSize{20000ull << 30}), "20000GiB");
  EXPECT_EQ(to_text(Duration(400ms)), "400ms");
  EXPECT_EQ(to_text(Duration(1500ms)), "1.5s");
  EXPECT_EQ(to_text(Duration(3h)), "10800s");
  EXPECT_EQ(to_text(Duration(50us)), "50us");
}

TEST(Addresses, AreReadInEveryStandardForm) {
  EXPECT_EQ(parse_ip("10.0.0.7"), parse_ip("::ffff:10.0.0.7"));
  EXPECT_EQ(parse_ip("10.0.0.7"), parse_ip("::FFFF:a00:7"));
  EXPECT_EQ(parse_ip("fd00::1"), parse_ip("fd00:0:0:0:0:0:0:1"));
  EXPECT_EQ(parse_ip("::"), IpBytes{});
  EXPECT_TRUE(parse_ip("1:2:3:4:5:6:7::").has_value());
  EXPECT_TRUE(parse_ip("1:2:3:4:5:6:1.2.3.4").has_value());
}

TEST(Addresses, InAnyOtherFormAreNone) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.a", "1.2.3.4 ", ":::", "1::2::3",
        "12345::", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "fe80::1%eth0", "[::1]", "1.2.3.4::", "::1.2.3.4:5"})
    EXPECT_FALSE(parse_ip(text).has_value()) << text;
}

TEST(Networks, HoldTheAddressesThatShareTheirPrefix) {
  const auto holds = [](const char* network, const char* address) {
    return parse_network(network)->contains(*parse_ip(address));
  };
  EXPECT_TRUE(holds("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(holds("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(holds("192.168.1.128/25", "192.168.1.200"));
  EXPECT_FALSE(holds("192.168.1.128/25", "192.168.1.127"));
  EXPECT_TRUE(holds("192.168.1.7", "::ffff:192.168.1.7"));
  EXPECT_FALSE(holds("192.168.1.7", "192.168.1.6"));
  EXPECT_TRUE(holds("0.0.0.0/0", "8.8.8.8"));
  EXPECT_FALSE(holds("0.0.0.0/0", "::1"));
  EXPECT_TRUE(holds("::/0", "8.8.8.8"));
  EXPECT_TRUE(holds("fd00::/9", "fd7f::1"));
  EXPECT_FALSE(holds("fd00::/9", "fd80::1"));
}

TEST(Networks, WithAWrongPrefixAreRefused) {
  for (const char* text :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/-1", "::/129", "/8", "10.0.0.0/8/8"})
    EXPECT_FALSE(parse_network(text).has_value()) << text;
}

TEST(Addresses, OfThisMachineAndOfPrivateNetworksAreToldFromTheWorlds) {
  for (const char* near : {"127.0.0.1", "::1", "10.1.2.3", "172.18.0.2", "192.168.1.20", "169.254.1.1",
                           "100.100.1.2", "fe80::1", "fd12::7"})
    EXPECT_TRUE(is_private(parse_ip(near).value())) << near;
  for (const char* far : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "2001:db8::1", "192.169.0.1"})
    EXPECT_FALSE(is_private(parse_ip(far).value())) << far;
}

}  // namespace
}  // namespace tasklane
