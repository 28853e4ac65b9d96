// The steering program alone, on made-up lookups (BPF_PROG_TEST_RUN): which verdict for which connection?
#include <bpf/bpf.h>
#include <bpf/bpf_endian.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

#include "tests/support/bare_agent.h"

namespace tasklane {
namespace {

using test::at;
using test::BareAgent;
using test::DualStack;
using test::model_port;

struct Lookup {
  const char* what;
  const char* from;
  std::uint16_t from_port;
  const char* to;
  std::uint16_t to_port;
  int protocol;
  std::uint64_t SteeringCounters::*counter;  // none: the program did not count it
};

bpf_sk_lookup context_of(const Lookup& lookup) {
  const SocketAddress from = at(lookup.from, lookup.from_port);
  const SocketAddress to = at(lookup.to, lookup.to_port);
  bpf_sk_lookup context{};
  context.family = static_cast<std::uint32_t>(to_kernel(to.address.family));
  context.protocol = static_cast<std::uint32_t>(lookup.protocol);
  context.remote_port = htons(from.port);
  context.local_port = to.port;
  const bool ipv4 = to.address.family == IpFamily::ipv4;
  std::memcpy(ipv4 ? &context.remote_ip4 : context.remote_ip6, from.address.bytes.data(), ipv4 ? 4 : 16);
  std::memcpy(ipv4 ? &context.local_ip4 : context.local_ip6, to.address.bytes.data(), ipv4 ? 4 : 16);
  return context;
}

class SteerProgramTest : public test::HostTest {
 protected:
  // Whether the program chose a socket.
  [[nodiscard]] bool chose_a_socket(const BareAgent& agent, const Lookup& lookup) const {
    bpf_sk_lookup context = context_of(lookup);
    bpf_test_run_opts options{};  // LIBBPF_OPTS is C alone
    options.sz = sizeof(options);
    options.ctx_in = options.ctx_out = &context;
    options.ctx_size_in = options.ctx_size_out = sizeof(context);
    const test::InsideNamespace inside(host());
    EXPECT_EQ(bpf_prog_test_run_opts(agent->program_fd(), &options), 0) << lookup.what;
    EXPECT_EQ(options.retval, static_cast<std::uint32_t>(SK_PASS)) << lookup.what;
    return context.cookie != 0;
  }
};

TEST_F(SteerProgramTest, EachLookupGetsItsVerdict) {
  const UniqueFd ipv4 = test::listen_in(host(), at("127.0.0.1", model_port));
  const UniqueFd ipv6 = test::listen_in(host(), at("::", model_port));
  const BareAgent agent(host());
  const OwnDial dial = host().run([&] { return agent->dialer().local_socket(IpFamily::ipv4); }).value();
  const std::uint16_t own = local_address_of(dial.socket.get()).value().port;
  const auto next = static_cast<std::uint16_t>(own ^ 1);
  using Counters = SteeringCounters;
  const std::array lookups{
      Lookup{"a client", "127.0.0.1", next, "127.0.0.1", model_port, IPPROTO_TCP, &Counters::steered},
      Lookup{"a client by IPv6", "2001:db8::1", 40000, "2001:db8::2", model_port, IPPROTO_TCP,
             &Counters::steered},
      Lookup{"another port", "127.0.0.1", next, "127.0.0.1", model_port + 1, IPPROTO_TCP,
             &Counters::passed_other},
      Lookup{"another address", "127.0.0.1", next, "127.0.0.2", model_port, IPPROTO_TCP,
             &Counters::passed_other},
      Lookup{"an own dial", "127.0.0.1", own, "127.0.0.1", model_port, IPPROTO_TCP,
             &Counters::passed_own_dial},
      Lookup{"an own dial by IPv6", "::1", own, "::1", model_port, IPPROTO_TCP, &Counters::passed_own_dial},
      Lookup{"its port elsewhere", "10.0.0.9", own, "127.0.0.1", model_port, IPPROTO_TCP, &Counters::steered},
      Lookup{"its port elsewhere, IPv6", "fd00::1", own, "::1", model_port, IPPROTO_TCP, &Counters::steered},
      Lookup{"an own dial, second address", "127.0.0.2", own, "127.0.0.1", model_port, IPPROTO_TCP,
             &Counters::passed_own_dial},
      Lookup{"past loopback", "128.0.0.1", own, "127.0.0.1", model_port, IPPROTO_TCP, &Counters::steered},
      Lookup{"not quite ::1", "::2", own, "::1", model_port, IPPROTO_TCP, &Counters::steered},
      Lookup{"a link-local address", "fe80::2", 40000, "fe80::1", model_port, IPPROTO_TCP,
             &Counters::passed_other},
      Lookup{"the last link-local one", "fe80::2", 1, "febf::1", model_port, IPPROTO_TCP,
             &Counters::passed_other},
      Lookup{"no longer link-local", "fe80::2", 1, "fec0::1", model_port, IPPROTO_TCP, &Counters::steered},
      Lookup{"UDP", "127.0.0.1", next, "127.0.0.1", model_port, IPPROTO_UDP, nullptr},
  };
  SteeringCounters expected;
  for (const Lookup& lookup : lookups) {
    EXPECT_EQ(chose_a_socket(agent, lookup), lookup.counter == &Counters::steered) << lookup.what;
    if (lookup.counter != nullptr) ++(expected.*lookup.counter);
    EXPECT_EQ(agent.counters().named(), expected.named()) << lookup.what;
  }
}

}  // namespace
}  // namespace tasklane
