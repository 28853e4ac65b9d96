/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the steering program and the agent share: map keys and the block of memory that both map. Compiled by
 * both sides; fixed-width fields; a change of layout raises TASKLANE_ABI_VERSION. */
#ifndef TASKLANE_BPF_ABI_H
#define TASKLANE_BPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define TASKLANE_STATIC_ASSERT static_assert
#else
#define TASKLANE_STATIC_ASSERT _Static_assert
#endif

#define TASKLANE_ABI_VERSION 3

enum tasklane_family { TASKLANE_IPV4 = 4, TASKLANE_IPV6 = 6 };

/* A (family, address, port) on which a model listens; a wildcard bind has an all-zero address. */
struct tasklane_endpoint {
  __u32 family;     /* enum tasklane_family */
  __u32 port;       /* host byte order */
  __u32 address[4]; /* network byte order; IPv4 in address[0] */
};
TASKLANE_STATIC_ASSERT(sizeof(struct tasklane_endpoint) == 24, "abi");

/* Slots of the listener SOCKMAP. */
enum tasklane_listener { TASKLANE_LISTENER_IPV4 = 0, TASKLANE_LISTENER_IPV6 = 1, TASKLANE_LISTENERS = 2 };

/* Why a connection was steered or passed; index of the counters. */
enum tasklane_verdict {
  TASKLANE_STEERED = 0,
  TASKLANE_PASSED_OTHER = 1,       /* not an endpoint of ours */
  TASKLANE_PASSED_OWN_DIAL = 2,    /* the agent's own connection to the model */
  TASKLANE_PASSED_BYPASS = 3,      /* `tasklane bypass on` */
  TASKLANE_PASSED_STALE = 4,       /* the agent's heartbeat is too old */
  TASKLANE_PASSED_NO_LISTENER = 5, /* the agent's socket is gone */
  TASKLANE_PASSED_BUSY = 6,        /* the kernel refused the assignment */
  TASKLANE_PASSED_FULL = 7,        /* the agent has no room for another */
  TASKLANE_VERDICTS = 8
};

#define TASKLANE_PORT_WORDS (65536 / 64)

/* Mapped by both sides; written and read by the agent without a system call. */
struct tasklane_shared {
  __u64 abi_version;
  __u64 heartbeat_ns;                   /* CLOCK_MONOTONIC of the agent's last sign of life; 0: never */
  __u64 stale_after_ns;                 /* older than this is a hung agent */
  __u64 bypass;                         /* not 0: pass everything */
  __s64 room;                           /* connections that may still be steered; each takes one */
  __u64 counters[TASKLANE_VERDICTS];    /* of new connections, by verdict; written by the program */
  __u64 own_ports[TASKLANE_PORT_WORDS]; /* local ports from which the agent dials, one bit each */
};
TASKLANE_STATIC_ASSERT(sizeof(struct tasklane_shared) == 40 + 64 + 8192, "abi");

#endif
