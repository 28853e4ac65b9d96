// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Hands new connections for a model's endpoint to the agent's listener. Whatever is missing, late or odd
 * passes: the connection then reaches the model as if this program were not there. */
#include <linux/bpf.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* From <sys/socket.h>, which the target "bpf" has none of. */
#define AF_INET 2
#define AF_INET6 10

#define MAX_ENDPOINTS 4096

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_ENDPOINTS);
  __type(key, struct tasklane_endpoint);
  __type(value, __u8);
} endpoints SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SOCKMAP);
  __uint(max_entries, TASKLANE_LISTENERS);
  __type(key, __u32);
  __type(value, __u64);
} listeners SEC(".maps");

/* volatile: the agent writes it at any time. */
volatile struct tasklane_shared tasklane_shared;

static __always_inline int is_link_local(const struct tasklane_endpoint* local) {
  return (local->address[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000); /* fe80::/10, RFC 4291 2.5.6 */
}

/* Whether a model listens on this address or on the wildcard address. */
static __always_inline int is_endpoint(struct bpf_sk_lookup* ctx) {
  struct tasklane_endpoint local = {.port = ctx->local_port};

  if (ctx->family == AF_INET) {
    local.family = TASKLANE_IPV4;
    local.address[0] = ctx->local_ip4;
  } else if (ctx->family == AF_INET6) {
    local.family = TASKLANE_IPV6;
    local.address[0] = ctx->local_ip6[0];
    local.address[1] = ctx->local_ip6[1];
    local.address[2] = ctx->local_ip6[2];
    local.address[3] = ctx->local_ip6[3];
    if (is_link_local(&local)) return 0; /* cannot be dialled from ::1 */
  } else {
    return 0;
  }
  if (bpf_map_lookup_elem(&endpoints, &local)) return 1;
  __builtin_memset(local.address, 0, sizeof(local.address));
  return bpf_map_lookup_elem(&endpoints, &local) != 0;
}

/* A heartbeat from the future (a clock of another time namespace) is no sign of life either. */
static __always_inline int is_stale(void) {
  __u64 heartbeat = tasklane_shared.heartbeat_ns;
  __s64 age = (__s64)(bpf_ktime_get_ns() - heartbeat);
  __s64 bound = (__s64)tasklane_shared.stale_after_ns;

  return heartbeat == 0 || age > bound || age < -bound;
}

/* The agent dials a local model from loopback, or from the very address that it dials. No packet from outside
 * can carry either as its source, so a host elsewhere that happens to use the same port is steered all the
 * same. */
static __always_inline int is_own_dial(struct bpf_sk_lookup* ctx) {
  __u32 port = bpf_ntohs(ctx->remote_port);

  if (!(tasklane_shared.own_ports[port / 64] & (1ull << (port % 64)))) return 0;
  if (ctx->family == AF_INET)
    return (ctx->remote_ip4 & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000) || /* 127/8 */
           ctx->remote_ip4 == ctx->local_ip4;
  if (ctx->remote_ip6[0] == ctx->local_ip6[0] && ctx->remote_ip6[1] == ctx->local_ip6[1] &&
      ctx->remote_ip6[2] == ctx->local_ip6[2] && ctx->remote_ip6[3] == ctx->local_ip6[3])
    return 1;
  return ctx->remote_ip6[0] == 0 && ctx->remote_ip6[1] == 0 && ctx->remote_ip6[2] == 0 &&
         ctx->remote_ip6[3] == bpf_htonl(1);
}

/* The agent says how many it can still take, so that a burst between two of its signs of life fills neither
 * its accept queue nor its descriptors. Two processors at once may take the same last place; the agent keeps
 * some to spare. */
static __always_inline int takes_room(void) {
  if (tasklane_shared.room <= 0) return 0;
  __sync_fetch_and_add(&tasklane_shared.room, -1);
  return 1;
}

static __always_inline enum tasklane_verdict assign_listener(struct bpf_sk_lookup* ctx) {
  __u32 slot = ctx->family == AF_INET ? TASKLANE_LISTENER_IPV4 : TASKLANE_LISTENER_IPV6;
  struct bpf_sock* listener = bpf_map_lookup_elem(&listeners, &slot);
  long error;

  if (!listener) return TASKLANE_PASSED_NO_LISTENER;
  error = bpf_sk_assign(ctx, listener, BPF_SK_LOOKUP_F_NO_REUSEPORT); /* this socket, not one of a group */
  bpf_sk_release(listener);
  return error ? TASKLANE_PASSED_BUSY : TASKLANE_STEERED;
}

static __always_inline enum tasklane_verdict judge(struct bpf_sk_lookup* ctx) {
  if (!is_endpoint(ctx)) return TASKLANE_PASSED_OTHER;
  if (tasklane_shared.bypass) return TASKLANE_PASSED_BYPASS;
  if (is_stale()) return TASKLANE_PASSED_STALE;
  if (is_own_dial(ctx)) return TASKLANE_PASSED_OWN_DIAL;
  if (!takes_room()) return TASKLANE_PASSED_FULL;
  return assign_listener(ctx);
}

/* A function that the verifier looks at by itself: there the verdict is any number, where in steer() it would
 * be a known one on each path, which takes CAP_PERFMON to add to a pointer. */
__attribute__((noinline)) int count(__u32 verdict) {
  if (verdict >= TASKLANE_VERDICTS) return 0;
  __sync_fetch_and_add(&tasklane_shared.counters[verdict], 1);
  return 0;
}

SEC("sk_lookup")
int steer(struct bpf_sk_lookup* ctx) {
  if (ctx->protocol != IPPROTO_TCP) return SK_PASS;
  count(judge(ctx));
  return SK_PASS;
}
