#include "shaper/dialect/body.h"

#include <simdjson.h>

#include <cstring>
#include <deque>
#include <string>

#include "shaper/dialect/body_walk.h"
#include "shaper/dialect/lenient_text.h"
#include "shaper/http/gzip.h"
#include "shaper/http/request_head.h"

namespace tasklane {
namespace {

namespace od = simdjson::ondemand;

constexpr std::size_t keep_buffers_up_to = 8U << 20;  // larger ones go when a small body comes
constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

struct BodyReader::Storage {
  od::parser parser;
  std::string buffer;             // the body with simdjson's padding behind it
  std::string unpacked;           // of a gzip body
  std::deque<std::string> texts;  // texts that are not in the document as they are
  BodyFacts facts;

  const BodyFacts& refuse(std::string_view problem) {
    const std::string_view json = facts.json;
    facts = BodyFacts{};
    facts.json = json;
    facts.problem = problem;
    return facts;
  }

  void start() {
    facts.messages.clear();
    texts.clear();
    std::vector<Message> messages = std::move(facts.messages);
    facts = BodyFacts{};
    facts.messages = std::move(messages);
  }

  void take(std::string_view json) {
    // What was unpacked is the body itself: it stays for now.
    if (buffer.capacity() > keep_buffers_up_to && json.size() < keep_buffers_up_to / 8) {
      buffer = {};
      parser = od::parser{};
    }
    buffer.resize(json.size() + simdjson::SIMDJSON_PADDING);
    std::memcpy(buffer.data(), json.data(), json.size());
    std::memset(buffer.data() + json.size(), ' ', simdjson::SIMDJSON_PADDING);
    facts.json = std::string_view(buffer).substr(0, json.size());
  }

  simdjson::error_code walk(Dialect dialect) {
    od::document document;
    if (const auto error = parser.iterate(buffer.data(), facts.json.size(), buffer.size()).get(document))
      return error;
    od::object root;
    if (const auto error = document.get_object().get(root)) return error;
    BodyWalk walk(facts, texts, dialect_row(dialect));
    if (const auto error = walk.object(root)) return error;
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return simdjson::TAPE_ERROR;
    walk.finish();
    return simdjson::SUCCESS;
  }
};

BodyReader::BodyReader() : storage_(std::make_unique<Storage>()) {}
BodyReader::~BodyReader() = default;

const BodyFacts& BodyReader::read(std::string_view body, Dialect dialect, std::string_view content_encoding) {
  Storage& store = *storage_;
  store.start();
  if (equal_names(content_encoding, "gzip") || equal_names(content_encoding, "x-gzip")) {
    switch (gunzip(body, most_unpacked, store.unpacked)) {
      case GunzipResult::broken:
        return store.refuse("not a gzip stream");
      case GunzipResult::too_large:
        return store.refuse("unpacks to more than a prompt takes");
      case GunzipResult::done:
        body = store.unpacked;
    }
  } else if (!content_encoding.empty() && !equal_names(content_encoding, "identity")) {
    return store.refuse("unknown content encoding");
  }
  if (body.starts_with(byte_order_mark)) body.remove_prefix(byte_order_mark.size());
  store.take(body);
  simdjson::error_code error = store.walk(dialect);
  if (error == simdjson::UTF8_ERROR) {
    const std::string repaired = repair_utf8(body);
    store.start();
    store.take(repaired);
    error = store.walk(dialect);
  }
  if (error == simdjson::INCORRECT_TYPE) return store.refuse("not a JSON object");
  if (error == simdjson::EMPTY) return store.refuse("empty");
  if (error) return store.refuse("not valid JSON");
  store.facts.readable = true;
  return store.facts;
}

}  // namespace tasklane
