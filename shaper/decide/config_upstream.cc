#include "shaper/decide/config_upstream.h"

#include <algorithm>
#include <set>
#include <utility>

#include "shaper/base/shown.h"
#include "shaper/decide/config_address.h"

namespace tasklane {
namespace {

// It computes for thousands; nobody else's limit is to be met by so few.
constexpr unsigned slots_of_a_hosted_one = 8;
// Such an engine computes as many as its memory holds in one batch (vLLM: --max-num-seqs, by hundreds).
constexpr unsigned slots_of_a_batching_one = 8;

// The members that only a service has, as they are read.
struct ServiceMembers {
  Service service;
  std::vector<std::string> given;

  JsonCursor::Setter reads(const char* name, const std::function<void(const JsonCursor&)>& set) {
    return [this, name, set](const JsonCursor& c) {
      given.emplace_back(name);
      set(c);
    };
  }
};

void set_family(const JsonCursor& at, DialectFamily& family) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  if (*written == "openai")
    family = DialectFamily::openai;
  else if (*written == "ollama")
    family = DialectFamily::ollama;
  else
    at.fail("unknown dialect '" + *written + "'", suggest(*written, {"openai", "ollama"}));
}

void set_engine(const JsonCursor& at, Engine& engine) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  std::vector<std::string_view> names;
  for (const EngineRow& row : engine_rows) {
    if (row.name.empty()) continue;
    if (row.name == *written) engine = row.engine;
    names.push_back(row.name);
  }
  if (engine == Engine::unknown) at.fail("unknown engine '" + *written + "'", suggest(*written, names));
}

void set_money(const JsonCursor& at, Money& money) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  const Result<Money> read = parse_money(*written);
  if (read)
    money = *read;
  else
    at.fail(read.error().what, read.error().hint);
}

void set_price(const JsonCursor& at, std::optional<Price>& price) {
  Price read;
  at.members({{"input", [&](const JsonCursor& c) { set_money(c, read.input); }},
              {"output", [&](const JsonCursor& c) { set_money(c, read.output); }}},
             {"input", "output"});
  price = read;
}

void set_budget(const JsonCursor& at, std::optional<Money>& per_day) {
  Money read;
  at.members({{"per_day", [&](const JsonCursor& c) { set_money(c, read); }}}, {"per_day"});
  per_day = read;
}

void set_file(const JsonCursor& at, std::string& file) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  if (written->empty()) return at.fail("the file's name is empty");
  file = *written;
}

void set_timeout(const JsonCursor& at, Duration& timeout) {
  const std::optional<Duration> value = at.duration();
  if (value && *value < std::chrono::milliseconds(100)) return at.fail("is below 100ms");
  if (value) timeout = *value;
}

void set_only_if(const JsonCursor& at, bool& resident) {
  const std::optional<std::string> written = at.text();
  if (!written) return;
  if (*written != "resident") return at.fail("unknown condition '" + *written + "'", "\"resident\" is known");
  resident = true;
}

void judge_residency(const JsonCursor& at, const Upstream& upstream) {
  if (!upstream.only_if_resident) return;
  if (upstream.original && !upstream.model)
    at.fail("'only_if' for the model that its clients ask for", "give \"model\": it is about another one");
  if (upstream.service && upstream.service->tls && upstream.service->off_host)
    at.fail("'only_if' for somebody else's server", "it is about what a server of one's own holds in memory");
}

void judge_priorities(const JsonCursor& at, Upstream& upstream) {
  const Order order = engine_row(upstream.engine).order;
  if (upstream.priority_scheduling && order == Order::none)
    at.fail("'priority_scheduling' for a server that is not said to have priorities",
            R"(give "engine": "vllm" or "sglang")");
  const bool batches = order == Order::lower_first || upstream.priority_scheduling;
  if (batches && !upstream.slots) upstream.slots = slots_of_a_batching_one;
}

void add_service_members(JsonCursor::Members& members, ServiceMembers& read) {
  Service& service = read.service;
  const auto add = [&](const char* name, const std::function<void(const JsonCursor&)>& set) {
    members.emplace(name, read.reads(name, set));
  };
  add("dialect", [&](const JsonCursor& c) { set_family(c, service.family); });
  add("api_key_file", [&](const JsonCursor& c) { set_file(c, service.key_file); });
  add("ca_file", [&](const JsonCursor& c) { set_file(c, service.ca_file); });
  add("timeout", [&](const JsonCursor& c) { set_timeout(c, service.timeout); });
  add("price", [&](const JsonCursor& c) { set_price(c, service.price); });
  add("budget", [&](const JsonCursor& c) { set_budget(c, service.per_day); });
  add("allow_off_host_chat",
      [&](const JsonCursor& c) { service.may_get_chats = c.boolean().value_or(false); });
}

// What the members say together: whether it is a service, and one that can be asked.
void conclude_service(const JsonCursor& at, const Url& url, ServiceMembers read, Upstream& upstream) {
  Service& service = read.service;
  const bool says_dialect = at.value().contains("dialect");
  if (upstream.original || (!url.tls && !says_dialect)) {
    if (!url.path.empty())
      at.fail("the url has a path", "\"dialect\": \"openai\" or \"ollama\" says what is asked below it");
    const bool has_timeout = std::erase(read.given, "timeout") > 0;
    if (has_timeout && upstream.original) at.fail("'timeout' for where the client wanted to go");
    if (has_timeout) upstream.timeout = service.timeout;
    for (const std::string& name : read.given)
      at.fail("'" + name + "' is for an upstream with a url and a dialect of its own",
              "give \"url\" and, where that is no https, \"dialect\": \"openai\" or \"ollama\"");
    return;
  }
  if (!says_dialect && upstream.engine != Engine::unknown)
    service.family = engine_row(upstream.engine).family;
  upstream.timeout = service.timeout;
  // What Ollama serves stands below /api, and what others serve by OpenAI's dialect below /v1.
  service.family_told = says_dialect || upstream.engine != Engine::unknown || url.path.ends_with("/v1");
  service.tls = url.tls;
  service.path = url.path;
  service.off_host = !is_loopback(url.at.host);
  if (!url.tls && !service.ca_file.empty()) at.fail("'ca_file' without https");
  if (!url.tls && !service.key_file.empty() && service.off_host)
    at.fail("a key would cross the network unencrypted", "give the url with https");
  if (service.per_day && !service.price)
    at.fail("'budget' without 'price'", "say what a million tokens cost");
  if (service.per_day && service.may_get_chats)
    at.fail("'budget' with chats", "what chats cost is not counted: leave out one of the two");
  if (service.off_host && !upstream.slots) upstream.slots = slots_of_a_hosted_one;
  if (!upstream.model) at.fail("a service needs a 'model'", "it does not know the names of the client's");
  upstream.service = std::move(service);
}

// Where it is: at one address, at several, or where the client wanted to go.
class Places {
 public:
  void add_to(JsonCursor::Members& members, Upstream& upstream) {
    members.emplace("address", [&upstream](const JsonCursor& c) {
      const std::optional<std::string> written = c.text();
      if (written && *written != original_name)
        c.fail("'" + *written + "' is no address that is known here",
               "\"original\" is where the client wanted to go; else give \"url\"");
      upstream.original = true;
    });
    members.emplace("url", [this](const JsonCursor& c) { add(c); });
    members.emplace("urls",
                    [this](const JsonCursor& c) { c.one_or_more([&](const JsonCursor& e) { add(e); }); });
  }
  [[nodiscard]] const std::vector<Url>& urls() const { return urls_; }
  [[nodiscard]] bool given(const JsonCursor& at) const {
    return at.value().contains("url") || at.value().contains("urls");
  }

  // What its members say together of where it is.
  void judge(const JsonCursor& at, const Upstream& upstream) const {
    if (at.value().contains("url") && at.value().contains("urls"))
      at.fail("both 'url' and 'urls'", "a list of several addresses holds them all");
    if (upstream.original == given(at))
      at.fail(given(at) ? "both 'address' and 'url'" : "neither 'address' nor 'url'",
              "{\"address\": \"original\"} or {\"url\": \"http://host:port\"}");
    if (upstream.name == original_name && (given(at) || upstream.model))
      at.fail("the name 'original' is kept for where the client wanted to go",
              "name this upstream otherwise");
    for (const Url& each : urls_)
      if (each.tls != urls_.front().tls) at.fail("'urls' with http and with https", "give all of them alike");
  }

 private:
  // A name is the same in capitals (RFC 9110 section 4.2.3).
  void add(const JsonCursor& at) {
    std::optional<Url> url = parse_url(at);
    if (!url) return;
    std::string where = url->at.authority;
    std::transform(where.begin(), where.end(), where.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (seen_.insert(where).second)
      urls_.push_back(std::move(*url));
    else if (!std::exchange(told_, true))
      at.fail("'" + where + "' stands twice in 'urls'");
  }
  std::set<std::string> seen_;
  bool told_ = false;
  std::vector<Url> urls_;
};

void add_members(JsonCursor::Members& members, Upstream& upstream, std::optional<bool>& own_compute) {
  const auto flag = [](bool& target) {
    return [&target](const JsonCursor& c) { target = c.boolean().value_or(false); };
  };
  members.emplace("model", [&](const JsonCursor& c) {
    upstream.model = c.text();
    if (upstream.model && upstream.model->empty())
      c.fail("the model's name is empty", "leave 'model' out to keep the request's own");
  });
  members.emplace("slots", [&](const JsonCursor& c) {
    if (const auto value = c.integer(1, 1024)) upstream.slots = static_cast<unsigned>(*value);
  });
  members.emplace("reserve", [&](const JsonCursor& c) {
    upstream.reserve = static_cast<unsigned>(c.integer(0, 1023).value_or(0));
  });
  members.emplace("only_if", [&](const JsonCursor& c) { set_only_if(c, upstream.only_if_resident); });
  members.emplace("engine", [&](const JsonCursor& c) { set_engine(c, upstream.engine); });
  members.emplace("priority_scheduling", flag(upstream.priority_scheduling));
  members.emplace("own_compute", [&](const JsonCursor& c) { own_compute = c.boolean(); });
  members.emplace("rewarm", flag(upstream.rewarm));
  members.emplace("graft", flag(upstream.graft));
  members.emplace("prewarm", flag(upstream.prewarm));
}

}  // namespace

std::vector<Upstream> parse_upstream(const std::string& name, const JsonCursor& plain) {
  Upstream upstream;
  upstream.name = name;
  const JsonCursor at = plain.owned_by("upstream '" + shown_value(name) + "'");
  if (name.empty()) at.fail("an upstream needs a name", "rules and statistics name it");
  judge_name(at, name);
  std::optional<bool> own_compute;
  Places places;
  ServiceMembers service;
  JsonCursor::Members members;
  places.add_to(members, upstream);
  add_members(members, upstream, own_compute);
  add_service_members(members, service);
  at.members(members);
  if (!at.value().is_object()) return {upstream};
  places.judge(at, upstream);
  judge_priorities(at, upstream);
  std::vector<Upstream> all;
  for (const Url& url : places.urls()) {
    Upstream& one = all.emplace_back(upstream);
    one.host = url.at.host;
    one.port = url.at.port;
    one.authority = url.at.authority;
    one.own_compute = own_compute.value_or(!is_loopback(one.host));
    if (places.urls().size() > 1) {
      one.group = name;
      one.name = name + '@' + one.authority;
    }
    conclude_service(at, url, service, one);
    judge_residency(at, one);
  }
  if (!all.empty()) return all;
  upstream.own_compute = own_compute.value_or(false);
  if (!places.given(at)) conclude_service(at, {}, std::move(service), upstream);
  judge_residency(at, upstream);
  return {upstream};
}

}  // namespace tasklane
