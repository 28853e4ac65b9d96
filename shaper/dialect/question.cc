#include "shaper/dialect/question.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "shaper/dialect/answer_intake.h"
#include "shaper/dialect/json_body.h"

namespace tasklane {
namespace {

using Json = OrderedJson;

constexpr double most_tokens = 1e9;

// The same name and meaning at OpenAI's root and in Ollama's `options`.
constexpr std::array<std::string_view, 5> samplers{"temperature", "top_p", "seed", "frequency_penalty",
                                                   "presence_penalty"};
// llama-server's names are Ollama's.
constexpr std::array<std::string_view, 10> tuning{
    "top_k",    "min_p",        "typical_p",    "repeat_penalty", "repeat_last_n",
    "mirostat", "mirostat_eta", "mirostat_tau", "tfs_z",          "penalize_newline"};
// What loads a model or keeps it: beside load_options.h, names of older releases.
constexpr std::array<std::string_view, 14> housekeeping{
    "num_ctx",   "num_batch", "num_gpu", "num_thread", "main_gpu", "draft_num_predict", "use_mmap",
    "use_mlock", "num_keep",  "numa",    "low_vram",   "f16_kv",   "vocab_only",        "keep_alive"};

bool among(std::span<const std::string_view> names, std::string_view key) {
  return std::find(names.begin(), names.end(), key) != names.end();
}

}  // namespace

std::string at(std::string_view where, std::string_view key) {
  std::string step = std::string(where) + "/";
  for (const char c : key) {
    if (c == '~')
      step += "~0";
    else if (c == '/')
      step += "~1";
    else
      step += c;
  }
  return step;
}

std::string at(std::string_view where, std::size_t index) { return at(where, std::to_string(index)); }

Error cannot_say(const std::string& where, std::string_view what) {
  return {std::string(what), where, "an upstream of the client's own dialect can be asked"};
}

Json written_tools(const std::vector<Tool>& tools) {
  Json list = Json::array();
  for (const Tool& tool : tools) {
    Json function = {{"name", tool.name}};
    if (!tool.description.is_null()) function["description"] = tool.description;
    if (!tool.parameters.is_null()) function["parameters"] = tool.parameters;
    if (tool.strict) function["strict"] = *tool.strict;
    list.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return list;
}

void Hearing::refuse(const std::string& where, std::string_view what) {
  if (!problem_) problem_ = cannot_say(where, what);
}

void Hearing::say(std::optional<Said>& into, Json value, const std::string& where) {
  if (!into)
    into = Said{std::move(value), where};
  else if (into->value != value)
    refuse(where, "contradicts " + into->where);
}

std::string Hearing::text(const Json& value, const std::string& where) {
  if (const auto* text = value.get_ptr<const std::string*>()) return *text;
  refuse(where, "is no text");
  return {};
}

void Hearing::limit(const Json& value, const std::string& where) {
  const double tokens = value.is_number() ? value.get<double>() : 0;
  if (!value.is_number() || std::nearbyint(tokens) != tokens || std::fabs(tokens) > most_tokens)
    return refuse(where, "is no number of tokens");
  say(question.limit, static_cast<std::int64_t>(tokens), where);
}

bool Hearing::common(std::string_view key, const Json& value, const std::string& where) {
  if (key == "stop") {
    const Json list = value.is_string() ? Json::array({value}) : value;
    elements(list, where, [&](const Json& word, const std::string& place) {
      if (text(word, place).empty()) refuse(place, "stops at nothing");
    });
    if (!list.empty()) question.samplers.emplace_back(key, Said{list, where});
    return true;
  }
  const bool tuned = among(tuning, key);
  if (tuned || among(samplers, key)) {
    if (!value.is_number() && (!tuned || !value.is_boolean())) refuse(where, "is no number");
    (tuned ? question.tuning : question.samplers).emplace_back(key, Said{value, where});
    return true;
  }
  if (!among(housekeeping, key)) return false;
  leave_out();
  return true;
}

void Hearing::format(const Json& schema_or_word, const std::string& where) {
  if (!schema_or_word.is_object() && schema_or_word != "json")
    return refuse(where, "is neither \"json\" nor a schema");
  say(question.format, schema_or_word, where);
}

void Hearing::typed_format(const Json& value, const std::string& where) {
  const std::string type = value.is_object() ? text_at(value, "type") : std::string();
  if (type != "text" && type != "json_object" && type != "json_schema")
    return refuse(where, "is no format of text, json_object or json_schema");
  bool schema = false;
  // The name is told to no model of a local server; a grammar is at least as strict as was asked.
  const auto take = [&](const std::string& key, const Json& inside, const std::string& place) {
    if (key == "schema" && type != "text") {
      schema = true;
      format(inside, place);
    } else if (type != "json_schema" || (key != "name" && key != "strict")) {
      unknown(place);
    }
  };
  members(value, where, [&](const std::string& key, const Json& inside, const std::string& place) {
    if (key == "json_schema" && type == "json_schema")
      members(inside, place, take);
    else if (key != "type")
      take(key, inside, place);
  });
  if (type == "json_object" && !schema) format("json", where);
  if (type == "json_schema" && !schema) refuse(where, "has no schema");
}

void Hearing::think(const Json& value, const std::string& where) {
  const bool level = value == "low" || value == "medium" || value == "high";
  if (!value.is_boolean() && !level) return refuse(where, "is no degree of thinking that all dialects know");
  // A degree says more than that it is on.
  std::optional<Said>& known = question.think;
  if (known && level && known->value == true) known.reset();
  if (known && value == true && known->value.is_string()) return;
  say(known, value, where);
}

void Hearing::effort(const Json& value, const std::string& where) {
  if (value != Json("")) think(value == "none" ? Json(false) : value, where);
}

void Hearing::tool(const Json& function, const std::string& where) {
  Tool tool{.where = where};
  members(function, where, [&](const std::string& key, const Json& value, const std::string& place) {
    if (key == "name")
      tool.name = text(value, place);
    else if (key == "description")
      tool.description = text(value, place);
    else if (key == "parameters" && value.is_object())
      tool.parameters = value;
    else if (key == "strict" && value.is_boolean())
      tool.strict = value.get<bool>();
    else if (key != "type")
      unknown(place);
  });
  if (tool.name.empty()) refuse(where, "is a tool without a name");
  question.tools.push_back(std::move(tool));
}

void Hearing::tools(const Json& list, const std::string& where) {
  if (list.is_array() && list.empty()) leave_out();
  elements(list, where, [&](const Json& each, const std::string& place) {
    const Json* function = each.is_object() ? member(each, "function") : nullptr;
    if (function == nullptr || text_at(each, "type") != "function")
      return refuse(place, "is no tool that is a function");
    members(each, place, [&](const std::string& key, const Json&, const std::string& inside) {
      if (key != "type" && key != "function") unknown(inside);
    });
    tool(*function, at(place, "function"));
  });
}

std::string Hearing::arguments(const Json& value, const std::string& where) {
  if (value.is_object()) return to_wire_json(value);
  std::string said = text(value, where);
  if (said.find_first_not_of(" \t\r\n") == std::string::npos) return "{}";
  const auto parsed = parse_object(said);
  if (!parsed) refuse(where, "is no JSON object");
  return said;
}

void Hearing::tool_calls(Turn& turn, const Json& list, const std::string& where) {
  elements(list, where, [&](const Json& each, const std::string& place) {
    ToolCall call{{}, {}, "{}"};
    members(each, place, [&](const std::string& key, const Json& value, const std::string& inside) {
      if (key == "id") call.id = text(value, inside);
      if (key == "function")
        members(value, inside, [&](const std::string& name, const Json& part, const std::string& deep) {
          if (name == "name")
            call.name = text(part, deep);
          else if (name == "arguments")
            call.arguments = arguments(part, deep);
          else if (name != "index")
            unknown(deep);
        });
      else if (key == "type" && value != "function")
        refuse(inside, "is no call of a function");
      else if (key != "id" && key != "type" && key != "index")
        unknown(inside);
    });
    if (call.name.empty()) refuse(place, "calls no function by its name");
    turn.tool_calls.push_back(std::move(call));
  });
}

// Ollama's calls may have no ids and its results only the name, or nothing: then the first that waits.
void Hearing::match_tools() {
  std::vector<ToolCall> waiting;
  std::size_t count = 0;
  for (Turn& turn : question.turns) {
    for (ToolCall& call : turn.tool_calls) {
      if (call.id.empty()) call.id = numbered_call(count);
      ++count;
      waiting.push_back(call);
    }
    if (turn.role != "tool") continue;
    const auto found = std::find_if(waiting.begin(), waiting.end(), [&](const ToolCall& call) {
      if (!turn.tool_call_id.empty()) return call.id == turn.tool_call_id;
      return turn.tool_name.empty() || call.name == turn.tool_name;
    });
    if (found == waiting.end()) {
      refuse(turn.where, "is the result of no call");
      continue;
    }
    turn.tool_call_id = found->id;
    turn.tool_name = found->name;
    waiting.erase(found);
  }
}

Result<Question> Hearing::heard() && {
  if (question.turns.empty()) refuse("", "asks nothing");
  match_tools();
  // The one likeliest token, always.
  const auto greedy = [](const auto& each) { return each.first == "top_k" && each.second.value == 1; };
  if (const auto one = std::find_if(question.tuning.begin(), question.tuning.end(), greedy);
      one != question.tuning.end()) {
    std::erase_if(question.samplers, [](const auto& each) { return each.first == "temperature"; });
    question.samplers.emplace_back("temperature", Said{0, one->second.where});
  }
  if (problem_) return *problem_;
  return std::move(question);
}

}  // namespace tasklane
