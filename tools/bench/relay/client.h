// What is measured on one way: each function plays one short round against a port and gives its figures.
#pragma once

#include <cstdint>
#include <vector>

namespace tasklane::bench {

struct Round {
  std::vector<double> microseconds;  // one for each request, or for each chunk
  double per_second = 0;             // requests
  double cpu_us = 0;                 // of the relay, for each of them
};

// One connection kept open, one small chat after the other: from the first byte sent to the first received.
Round small_requests(std::uint16_t port, int count);
// 64 connections kept open, each with one small chat under way: from the send to the whole answer.
Round many_connections(std::uint16_t port, int count);
// As Open WebUI 0.12 sends a chat, with 27 KB of tools: on one connection, and on 64.
Round open_webui_chats(std::uint16_t port, int count);
Round open_webui_connections(std::uint16_t port, int count);
// 1,000 streams at once of 50 chunks a second, `count` of each: how old each chunk is when it arrives.
Round many_streams(std::uint16_t port, int count);
// A connection made and closed for each small chat: from before the connect to the answer's end.
Round connection_each(std::uint16_t port, int count);
// One streamed answer: how old each chunk is when it arrives.
Round streamed_chunks(std::uint16_t port, int count);
// A streamed answer of one chunk each 10 ms while somebody else sends chats of 1, 8, 32 MiB one after the
// other, prompts of 32 MiB that could be tasks, gzip bodies of 15 MiB: the time between two chunks.
Round beside_1_mib(std::uint16_t port, int count);
Round beside_8_mib(std::uint16_t port, int count);
Round beside_32_mib(std::uint16_t port, int count);
Round beside_prompts(std::uint16_t port, int count);
Round beside_gzip(std::uint16_t port, int count);
// Chats of 1 MiB on one connection: from the first byte sent to the first received.
Round large_bodies(std::uint16_t port, int count);

}  // namespace tasklane::bench
