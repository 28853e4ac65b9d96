#include "shaper/decide/decide.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "shaper/base/surrogates.h"
#include "shaper/decide/when.h"

namespace tasklane {
namespace {

bool any_matches(const std::vector<Pattern>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) {
    return re2::RE2::FullMatch({text.data(), text.size()}, *pattern);
  });
}

bool found_in(const Pattern& pattern, std::string_view text) {
  return re2::RE2::PartialMatch({text.data(), text.size()}, *pattern);
}

bool client_matches(const std::vector<IpNetwork>& networks, std::string_view client) {
  const std::optional<IpBytes> address = parse_ip(client);
  return address && std::any_of(networks.begin(), networks.end(),
                                [&](const IpNetwork& n) { return n.contains(*address); });
}

bool header_matches(const HeaderTest& test, const RequestHead& head) {
  return std::any_of(head.fields.begin(), head.fields.end(), [&](const HeaderField& field) {
    if (!equal_names(field.name, test.name)) return false;
    if (test.equals) return field.value == *test.equals;
    return test.matches == nullptr || found_in(test.matches, field.value);
  });
}

bool head_matches(const When& when, const RequestHead& head, std::string_view client) {
  if (!when.paths.empty() && !any_matches(when.paths, path_of(head.target))) return false;
  if (!when.clients.empty() && !client_matches(when.clients, client)) return false;
  return std::all_of(when.headers.begin(), when.headers.end(),
                     [&](const HeaderTest& test) { return header_matches(test, head); });
}

bool class_matches(const When& when, RequestClass request_class) {
  return when.classes.empty() ||
         std::find(when.classes.begin(), when.classes.end(), request_class) != when.classes.end();
}

using Element = simdjson::dom::element;

// Of a key that stands twice the last, as the servers take it.
std::optional<Element> member_of(const simdjson::dom::object& object, std::string_view key) {
  std::optional<Element> found;
  for (const simdjson::dom::key_value_pair member : object)
    if (member.key == key) found = member.value;
  return found;
}

// RFC 6901 section 4: digits alone, without a leading zero.
std::optional<Element> item_of(const simdjson::dom::array& array, std::string_view token) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool whole = error == std::errc() && end == token.data() + token.size();
  if (!whole || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  Element item;
  if (array.at(index).get(item) != simdjson::SUCCESS) return std::nullopt;
  return item;
}

// Nothing where the pointer leads nowhere.
std::optional<Element> value_at(Element value, const std::vector<std::string>& path) {
  for (const std::string& token : path) {
    std::optional<Element> next;
    if (value.is_object())
      next = member_of(value.get_object().value_unsafe(), token);
    else if (value.is_array())
      next = item_of(value.get_array().value_unsafe(), token);
    if (!next) return std::nullopt;
    value = *next;
  }
  return value;
}

bool pointer_matches(const PointerTest& test, const Element& body) {
  const std::optional<Element> value = value_at(body, test.path);
  if (!value) return false;
  if (test.equals) return nlohmann::json::parse(simdjson::minify(*value), nullptr, false) == *test.equals;
  return test.matches == nullptr ||
         (value->is_string() && found_in(test.matches, value->get_string().value_unsafe()));
}

// The body as JSON, parsed for the first rule that asks.
class LazyBody {
 public:
  explicit LazyBody(const BodyFacts* facts) : facts_(facts) {}
  // Null where it is no JSON.
  const Element* get() {
    if (facts_ == nullptr || !facts_->readable) return nullptr;
    if (!parsed_) {
      parsed_ = true;
      if (!parse(facts_->json)) parse(mend_surrogates(facts_->json));
    }
    return root_ ? &*root_ : nullptr;
  }

 private:
  // The parser keeps what it read: the text may go.
  bool parse(std::string_view text) {
    Element root;
    if (parser_.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return false;
    root_ = root;
    return true;
  }

  const BodyFacts* facts_;
  simdjson::dom::parser parser_;
  bool parsed_ = false;
  std::optional<Element> root_;
};

// A test on a body that nobody could read does not hold.
bool body_matches(const When& when, const DecideInput& input, LazyBody& lazy) {
  if (when.least_body && input.body_size < when.least_body->bytes) return false;
  if (when.most_body && input.body_size > when.most_body->bytes) return false;
  if (!when.looks_into_body()) return true;
  if (input.body == nullptr || !input.body->readable) return false;
  if (!when.models.empty() && !any_matches(when.models, input.body->model)) return false;
  if (when.stream && *when.stream != input.body->streamed) return false;
  if (when.body.empty()) return true;
  const Element* body = lazy.get();
  return body != nullptr && std::all_of(when.body.begin(), when.body.end(), [&](const PointerTest& test) {
           return pointer_matches(test, *body);
         });
}

const Upstream* original_of(const Config& config) {
  const Upstream* original = nullptr;
  for (const auto& [name, upstream] : config.upstreams)
    if (upstream.original && (original == nullptr || !upstream.model)) original = &upstream;
  return original;
}

std::vector<const Upstream*> route_of(const Config& config, const Then& then) {
  std::vector<const Upstream*> route;
  for (const std::string& name : then.route)
    if (const auto found = config.upstreams.find(name); found != config.upstreams.end())
      route.push_back(&found->second);
  if (route.empty()) route.push_back(original_of(config));
  return route;
}

RequestClass class_of_path(EndpointKind kind) {
  switch (kind) {
    case EndpointKind::embedding:
      return RequestClass::embedding;
    case EndpointKind::admin:
      return RequestClass::admin;
    default:
      return RequestClass::other;
  }
}

}  // namespace

Pattern compile_glob(std::string_view glob) {
  // Bytes, for a path may be no UTF-8; a character is a lead byte and those that continue it.
  constexpr std::string_view one_character = "(?:[^\\x80-\\xff]|[\\xc0-\\xff][\\x80-\\xbf]*)";
  std::string expression = "(?s)";
  for (const char c : glob) {
    if (c == '*')
      expression += ".*";
    else if (c == '?')
      expression += one_character;
    else
      expression += re2::RE2::QuoteMeta({&c, 1});
  }
  return std::make_shared<re2::RE2>(expression, re2::RE2::Latin1);
}

Decision decide(const Config& config, const DecideInput& input) {
  Decision decision;
  // Its answer replaces the user's history: nobody else may give it, and nothing of it may change.
  const bool sacred = input.classification.request_class == RequestClass::compaction;
  // Rules for chats speak of chats that are read as such, not of any POST that counts as one.
  const RequestClass request_class = input.endpoint.kind == EndpointKind::unknown_post
                                         ? RequestClass::other
                                         : input.classification.request_class;
  LazyBody body(input.body);
  for (const Rule& rule : config.rules) {
    if (sacred) break;
    if (!class_matches(*rule.when, request_class)) continue;
    if (!head_matches(*rule.when, input.head, input.client) || !body_matches(*rule.when, input, body))
      continue;
    decision.rule = &rule;
    decision.route = route_of(config, rule.then);
    return decision;
  }
  decision.route = {original_of(config)};
  return decision;
}

bool looks_into_bodies(const Config& config) {
  return std::any_of(config.rules.begin(), config.rules.end(),
                     [](const Rule& rule) { return !rule.when->body.empty(); });
}

bool needs_body(const Config& config, const RequestHead& head, Endpoint endpoint, std::string_view client) {
  for (const Rule& rule : config.rules) {
    const When& when = *rule.when;
    if (!class_matches(when, class_of_path(endpoint.kind)) || !head_matches(when, head, client)) continue;
    if (when.looks_into_body() || when.least_body || when.most_body) return true;
    if (rule.then.settings.lane && endpoint.kind != EndpointKind::admin) return true;  // held with its body
    const auto route = route_of(config, rule.then);
    return rule.then.patch ||
           std::any_of(route.begin(), route.end(), [](const Upstream* u) { return u->model.has_value(); });
  }
  return false;
}

}  // namespace tasklane
