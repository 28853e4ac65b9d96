// A reader of HTTP/1.1 requests for tests, written from RFC 9112 alone: a whole buffer in, and how many
// requests stand in it. It shares nothing with what it checks, forgives nothing, and is not made for use.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace strict_http {

struct Requests {
  std::size_t complete = 0;
  std::size_t begun = 0;  // heads that are complete
  bool upgrades = false;  // behind one of them the connection may mean something else
  std::string wrong;      // why what follows is none, with its place
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  Requests read() {
    try {
      while (at_ < bytes_.size()) {
        request();
        ++found_.complete;
      }
    } catch (const Partial&) {
    } catch (const Wrong& wrong) {
      found_.wrong = wrong.why + " at " + std::to_string(at_);
    }
    return found_;
  }

 private:
  struct Partial {};
  struct Wrong {
    std::string why;
  };

  char peek() const {
    if (at_ >= bytes_.size()) throw Partial{};
    return bytes_[at_];
  }
  char next() {
    const char c = peek();
    ++at_;
    return c;
  }
  void must(bool holds, const char* why) const {
    if (!holds) throw Wrong{why};
  }
  void literal(std::string_view text) {
    for (const char c : text) must(next() == c, "an expected literal is missing");
  }
  static bool digit(char c) { return '0' <= c && c <= '9'; }
  static bool tchar(char c) {
    static const std::string_view others = "!#$%&'*+-.^_`|~";
    return digit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || others.find(c) != others.npos;
  }
  static bool text(char c) { return c == '\t' || c == ' ' || visible(c); }
  static bool visible(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (0x21 <= byte && byte <= 0x7e) || byte >= 0x80;
  }
  std::string token() {
    std::string out;
    while (tchar(peek())) out += next();
    must(!out.empty(), "an empty token");
    return out;
  }
  static std::string lower(std::string text) {
    for (char& c : text)
      if ('A' <= c && c <= 'Z') c = static_cast<char>(c + 32);
    return text;
  }

  struct Field {
    std::string name;
    std::string value;
  };
  // *( field-name ":" OWS field-value OWS CRLF ) CRLF
  std::vector<Field> fields() {
    std::vector<Field> out;
    while (peek() != '\r') {
      Field field;
      field.name = lower(token());
      literal(":");
      while (text(peek())) field.value += next();
      literal("\r\n");
      while (!field.value.empty() && (field.value.back() == ' ' || field.value.back() == '\t'))
        field.value.pop_back();
      while (!field.value.empty() && (field.value.front() == ' ' || field.value.front() == '\t'))
        field.value.erase(0, 1);
      out.push_back(field);
    }
    literal("\r\n");
    return out;
  }

  void request() {
    const std::string method = token();
    literal(" ");
    must(visible(peek()), "no target");
    while (visible(peek())) ++at_;
    literal(" HTTP/1.");
    const char minor = next();
    must(minor == '0' || minor == '1', "no version");
    literal("\r\n");
    std::vector<std::string> lengths;
    std::vector<std::string> codings;
    bool upgrade = method == "CONNECT";
    for (const Field& field : fields()) {
      if (field.name == "content-length") lengths.push_back(field.value);
      if (field.name == "transfer-encoding") codings.push_back(lower(field.value));
      upgrade = upgrade || field.name == "upgrade";
    }
    must(lengths.size() + codings.size() < 2, "more than one framing");
    ++found_.begun;
    found_.upgrades = found_.upgrades || upgrade;
    if (!codings.empty()) {
      must(codings.front() == "chunked", "another coding");
      must(minor == '1', "chunked in HTTP/1.0");
      chunks();
    } else if (!lengths.empty()) {
      skip(length(lengths.front()));
    }
  }
  std::uint64_t length(const std::string& text) const {
    must(!text.empty(), "no length");
    std::uint64_t value = 0;
    for (const char c : text) {  // zeros may lead, as many as there are (RFC 9110 section 8.6)
      must(digit(c), "no digit");
      must(value <= (std::uint64_t{1} << 62) / 10, "a length past 62 bits");
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return value;
  }
  void skip(std::uint64_t count) {
    if (count > bytes_.size() - at_) throw Partial{};
    at_ += static_cast<std::size_t>(count);
  }
  void white() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  void chunks() {
    for (;;) {
      const std::uint64_t size = chunk_size();
      extensions();
      literal("\r\n");
      if (size == 0) break;
      skip(size);
      literal("\r\n");
    }
    fields();  // the trailer section has the form of a header section
  }
  std::uint64_t chunk_size() {
    static const std::string_view hex = "0123456789abcdef";
    std::uint64_t size = 0;
    int digits = 0;
    for (;; ++at_) {
      const std::string one = lower(std::string(1, peek()));
      const std::size_t value = hex.find(one);
      if (value == hex.npos) break;
      must(++digits <= 16, "a size of more digits than 64 bits have");  // judged at once, not at the end
      size = size * 16 + value;
    }
    must(digits > 0, "no size");
    return size;
  }
  // *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
  void extensions() {
    while (peek() != '\r') {
      white();
      literal(";");
      white();
      token();
      const std::size_t behind_name = at_;
      white();
      if (peek() != '=') {
        at_ = behind_name;
        continue;
      }
      ++at_;
      white();
      if (peek() == '"')
        quoted();
      else
        token();
    }
  }
  void quoted() {
    literal("\"");
    while (peek() != '"') {
      const bool pair = peek() == '\\';
      must(text(next()), "a control character in a quoted string");
      if (pair) must(text(next()), "a control character in a quoted pair");
    }
    literal("\"");
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  Requests found_;
};

inline Requests read_requests(std::string_view bytes) { return Reader(bytes).read(); }

}  // namespace strict_http
