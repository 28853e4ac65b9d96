#include "shaper/decide/config_rule.h"

#include <algorithm>
#include <set>
#include <utility>

#include "shaper/base/shown.h"
#include "shaper/decide/config_lane_settings.h"
#include "shaper/decide/when.h"

namespace tasklane {
namespace {

Pattern compile(const JsonCursor& at, const std::string& expression) {
  auto pattern = std::make_shared<re2::RE2>(expression, re2::RE2::Quiet);
  if (pattern->ok()) return pattern;
  at.fail("not a regular expression: " + pattern->error(),
          "the syntax is RE2's; a backslash is written twice in JSON");
  return nullptr;
}

void add_class(const JsonCursor& at, std::vector<RequestClass>& classes) {
  const std::optional<std::string> name = at.text();
  if (!name) return;
  if (const auto known = request_class_from(*name)) return classes.push_back(*known);
  std::vector<std::string_view> names;
  names.reserve(all_request_classes.size());
  for (const RequestClass each : all_request_classes) names.push_back(to_text(each));
  at.fail("unknown class '" + *name + "'", suggest(*name, names));
}

void add_glob(const JsonCursor& at, std::vector<Pattern>& globs) {
  const std::optional<std::string> glob = at.text();
  if (!glob) return;
  if (glob->empty()) return at.fail("an empty pattern matches nothing", "\"*\" matches everything");
  globs.push_back(compile_glob(*glob));
}

void add_network(const JsonCursor& at, std::vector<IpNetwork>& networks) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  const Result<IpNetwork> network = parse_network(*written);
  if (network)
    networks.push_back(*network);
  else
    at.fail(network.error().what, network.error().hint);
}

// RFC 9110 section 5.6.2: anything else no field can be called.
void set_header_name(const JsonCursor& at, std::string& name) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  static const re2::RE2 token("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
  if (!re2::RE2::FullMatch(*written, token))
    return at.fail("'" + *written + "' is no header name", "write it like \"User-Agent\", without a colon");
  name = *written;
}

void add_header_test(const JsonCursor& at, std::vector<HeaderTest>& tests) {
  HeaderTest test;
  at.members({{"name", [&](const JsonCursor& c) { set_header_name(c, test.name); }},
              {"equals", [&](const JsonCursor& c) { test.equals = c.text(); }},
              {"matches",
               [&](const JsonCursor& c) {
                 if (const auto e = c.text()) test.matches = compile(c, *e);
               }}},
             {"name"});
  if (test.equals && test.matches) at.fail("both 'equals' and 'matches'", "keep one");
  tests.push_back(std::move(test));
}

void add_pointer_test(const JsonCursor& at, std::vector<PointerTest>& tests) {
  PointerTest test;
  const auto set_pointer = [&](const JsonCursor& c) {
    const std::optional<std::string> written = c.text();
    if (!written) return;
    try {
      for (nlohmann::json::json_pointer rest(*written); !rest.empty(); rest.pop_back())
        test.path.insert(test.path.begin(), rest.back());
    } catch (const nlohmann::json::parse_error&) {
      c.fail("'" + *written + "' is no JSON pointer", "write it like \"/options/num_ctx\" (RFC 6901)");
    }
  };
  at.members({{"pointer", set_pointer},
              {"equals", [&](const JsonCursor& c) { test.equals = c.value(); }},
              {"matches",
               [&](const JsonCursor& c) {
                 if (const auto e = c.text()) test.matches = compile(c, *e);
               }}},
             {"pointer"});
  if (test.equals && test.matches) at.fail("both 'equals' and 'matches'", "keep one");
  tests.push_back(std::move(test));
}

std::shared_ptr<const When> parse_when(const JsonCursor& at) {
  auto when = std::make_shared<When>();
  const auto set_size = [&](const JsonCursor& size) {
    size.members({{"min", [&](const JsonCursor& c) { when->least_body = c.size(); }},
                  {"max", [&](const JsonCursor& c) { when->most_body = c.size(); }}});
    if (when->least_body && when->most_body && *when->most_body < *when->least_body)
      size.fail("'max' is below 'min'", "no body has such a size");
    if (size.value().is_object() && size.value().empty())
      size.fail("neither 'min' nor 'max'", "write it like {\"min\": \"1KiB\"}");
  };
  at.members(
      {{"class",
        [&](const JsonCursor& c) {
          c.one_or_more([&](const JsonCursor& e) { add_class(e, when->classes); });
        }},
       {"path",
        [&](const JsonCursor& c) { c.one_or_more([&](const JsonCursor& e) { add_glob(e, when->paths); }); }},
       {"model",
        [&](const JsonCursor& c) { c.one_or_more([&](const JsonCursor& e) { add_glob(e, when->models); }); }},
       {"client",
        [&](const JsonCursor& c) {
          c.one_or_more([&](const JsonCursor& e) { add_network(e, when->clients); });
        }},
       {"body_size", set_size},
       {"stream", [&](const JsonCursor& c) { when->stream = c.boolean(); }},
       {"header",
        [&](const JsonCursor& c) {
          c.one_or_more([&](const JsonCursor& e) { add_header_test(e, when->headers); });
        }},
       {"body", [&](const JsonCursor& c) {
          c.one_or_more([&](const JsonCursor& e) { add_pointer_test(e, when->body); });
        }}});
  return when;
}

void add_hop(const JsonCursor& at, const std::map<std::string, Upstream, std::less<>>& upstreams,
             std::vector<std::string>& route) {
  const std::optional<std::string> name = at.text();
  if (!name) return;
  std::vector<std::string_view> names;
  const std::size_t before = route.size();
  for (const auto& [known, upstream] : upstreams) {
    if (upstream.called() == *name) route.push_back(known);
    if (names.empty() || names.back() != upstream.called()) names.emplace_back(upstream.called());
  }
  if (route.size() > before) return;
  at.fail("unknown upstream '" + *name + "'", suggest(*name, names));
}

Then parse_then(const JsonCursor& at, const std::map<std::string, Upstream, std::less<>>& upstreams) {
  Then then;
  const auto set_route = [&](const JsonCursor& route) {
    route.one_or_more([&](const JsonCursor& hop) { add_hop(hop, upstreams, then.route); });
  };
  const auto set_patch = [&](const JsonCursor& patch) {
    if (!patch.value().is_object()) return patch.fail("a patch must be an object (RFC 7396)");
    then.patch = patch.value();
  };
  JsonCursor::Members members = lane_setting_members(then);
  members.emplace("route", set_route);
  members.emplace("patch", set_patch);
  at.members(members);
  return then;
}

// What a service gets is put together here, so it waits in a lane; and text leaves the host only of classes
// that a rule names, of chats only where the upstream says so too.
void judge_services(const JsonCursor& at, const Rule& rule,
                    const std::map<std::string, Upstream, std::less<>>& upstreams) {
  const std::vector<RequestClass>& classes = rule.when->classes;
  const bool chats = std::any_of(classes.begin(), classes.end(), [](RequestClass each) {
    return each == RequestClass::chat || each == RequestClass::other;
  });
  for (const std::string& each : rule.then.route) {
    const Upstream& upstream = upstreams.find(each)->second;
    const std::string& name = upstream.called();
    if (!upstream.service) continue;
    if (classes.empty())
      at.fail("upstream '" + name + "' has a dialect of its own, and the rule names no class",
              "say in \"when\" of which classes it is to get the text");
    if (chats && !upstream.service->may_get_chats)
      at.fail("chats would go to upstream '" + name + "'",
              "\"allow_off_host_chat\": true at that upstream allows it; else leave them out of \"class\"");
    if (!chats && !rule.then.laned)
      at.fail("upstream '" + name + "' has a dialect of its own, and the rule no lane",
              "give \"lane\": what it gets and answers is put together here");
  }
}

// Somebody must serve while the model is not loaded.
void judge_last_hop(const JsonCursor& at, const Rule& rule,
                    const std::map<std::string, Upstream, std::less<>>& upstreams) {
  if (rule.then.route.empty()) return;
  const std::string& last = rule.then.route.back();
  if (upstreams.find(last)->second.only_if_resident)
    at.fail("upstream '" + last + "' is the last of the route, and is asked only while its model is loaded",
            "name one behind it that always serves, where the client wanted to go for instance");
}

Rule parse_rule(const JsonCursor& at, const std::map<std::string, Upstream, std::less<>>& upstreams) {
  Rule rule;
  const auto& value = at.value();
  if (value.is_object() && value.contains("name") && value["name"].is_string()) rule.name = value["name"];
  rule.when = std::make_shared<When>();
  at.owned_by(rule.name.empty() ? "" : "rule '" + shown_value(rule.name) + "'")
      .members({{"name",
                 [&](const JsonCursor& c) {
                   const auto name = c.text();
                   if (name && name->empty())
                     c.fail("a rule needs a name", "messages and statistics name it");
                   if (name) judge_name(c, *name);
                 }},
                {"when", [&](const JsonCursor& c) { rule.when = parse_when(c); }},
                {"then", [&](const JsonCursor& c) { rule.then = parse_then(c, upstreams); }}},
               {"name", "then"});
  judge_services(at, rule, upstreams);
  judge_last_hop(at, rule, upstreams);
  return rule;
}

}  // namespace

std::vector<Rule> parse_rules(const JsonCursor& rules,
                              const std::map<std::string, Upstream, std::less<>>& upstreams) {
  std::vector<Rule> parsed;
  std::set<std::string> names;
  rules.each([&](const JsonCursor& at) {
    Rule rule = parse_rule(at, upstreams);
    if (!rule.name.empty() && !names.insert(rule.name).second)
      at.fail("a second rule is named '" + rule.name + "'", "each rule needs a name of its own");
    parsed.push_back(std::move(rule));
  });
  return parsed;
}

}  // namespace tasklane
