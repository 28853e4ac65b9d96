#include "tools/bench/relay/http.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include "tools/support/gzip.h"

namespace tasklane::bench {
namespace {

constexpr std::string_view serial_mark = "Question 00000000";
constexpr std::size_t serial_digits = 8;

std::size_t find_in(std::string_view head, std::string_view text) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  const auto found = std::search(head.begin(), head.end(), text.begin(), text.end(), same);
  return found == head.end() ? std::string_view::npos : static_cast<std::size_t>(found - head.begin());
}

// Prose of no meaning with the word lengths of English, so that no text repeats itself; the same each time.
std::string prose(std::size_t bytes) {
  std::string text;
  unsigned state = 2654435761U;
  while (text.size() < bytes) {
    state = state * 1664525U + 1013904223U;
    const std::size_t letters = 2 + (state >> 24U) % 8;
    for (std::size_t i = 0; i < letters; ++i) text += static_cast<char>('a' + (state >> (3 * i)) % 26);
    text += (state >> 8U) % 12 == 0 ? ". " : " ";
  }
  return text;
}

std::string chat_body(std::size_t bytes) {
  return R"({"model":"llama3.1:8b","messages":[{"role":"system","content":"You are a baker."},)"
         R"({"role":"user","content":"How does bread rise?"},{"role":"assistant","content":")" +
         prose(bytes - 400) + R"("},{"role":"user","content":")" + std::string(serial_mark) +
         R"(: and how long should it rest before it goes into the oven?"}],)"
         R"("options":{"temperature":0.8,"num_ctx":8192},"stream":true})";
}

std::string tool(std::size_t number) {
  return R"({"type":"function","function":{"name":"tool_)" + std::to_string(number) + R"(","description":")" +
         prose(380) + R"(","parameters":{"properties":{"query":{"description":")" + prose(120) +
         R"(","type":"string"},"count":{"default":5,"description":")" + prose(60) +
         R"(","type":"integer"}},"required":["query"],"type":"object"}}})";
}

std::string chat_with_tools() {
  constexpr std::size_t tools = 34;
  std::string list = tool(0);
  for (std::size_t i = 1; i < tools; ++i) list += "," + tool(i);
  return R"({"model":"llama3.1:8b","messages":[{"role":"user","content":")" + std::string(serial_mark) +
         R"(: which bread keeps longest?"}],"stream":true,"tools":[)" + list + "]}";
}

std::string posted(const std::string& body, std::string_view more_headers) {
  return "POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nContent-Type: application/json\r\n" +
         std::string(more_headers) +
         "Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\nUser-Agent: Python/3.11 aiohttp/3.14.5\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

std::string prompt_request(std::size_t bytes) {
  return posted(R"({"model":"llama3.1:8b","stream":false,"messages":[{"role":"user","content":")" +
                    prose(bytes) + R"("}]})",
                "");
}

std::string packed_chat(std::size_t bytes) {
  constexpr std::size_t piece = 1024;
  constexpr std::size_t times = 20;
  const std::string fresh = prose(bytes / times);
  std::string text;
  for (std::size_t at = 0; at < fresh.size(); at += piece)
    for (std::size_t i = 0; i < times; ++i) text += fresh.substr(at, piece);
  return posted(
      gzipped(R"({"model":"llama3.1:8b","messages":[{"role":"user","content":")" + text + R"("}]})"),
      "Content-Encoding: gzip\r\n");
}

std::size_t head_length(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

bool contains(std::string_view head, std::string_view text) {
  return find_in(head, text) != std::string_view::npos;
}

std::optional<std::size_t> number_after(std::string_view head, std::string_view text) {
  const std::size_t at = find_in(head, text);
  if (at == std::string_view::npos) return std::nullopt;
  std::size_t number = 0;
  const char* begin = head.data() + at + text.size();
  if (std::from_chars(begin, head.data() + head.size(), number).ec != std::errc()) return std::nullopt;
  return number;
}

ChatRequest::ChatRequest(std::size_t bytes, std::string_view more_headers)
    : ChatRequest(posted(chat_body(bytes), more_headers)) {}

ChatRequest ChatRequest::with_tools() { return ChatRequest(posted(chat_with_tools(), "")); }

ChatRequest::ChatRequest(std::string text) : text_(std::move(text)) {
  serial_at_ = text_.rfind(serial_mark) + serial_mark.size() - serial_digits;
}

const std::string& ChatRequest::next() {
  std::array<char, serial_digits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08zu", ++serial_ % 100'000'000);
  text_.replace(serial_at_, serial_digits, digits.data());
  return text_;
}

}  // namespace tasklane::bench
