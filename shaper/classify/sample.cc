#include "shaper/classify/sample.h"

#include <xxhash.h>

#include "shaper/base/trimmed.h"
#include "shaper/classify/match.h"
#include "shaper/classify/text_print.h"

namespace tasklane {
namespace {

constexpr std::size_t same_start = 12;  // bytes by which samples are grouped

bool holds(std::string_view where, std::string_view mark, std::string_view text) {
  if (where == "start") return text.starts_with(mark);
  if (where == "end") return text.ends_with(mark);
  return text.find(mark) != std::string_view::npos;
}

}  // namespace

const std::vector<std::pair<std::string_view, std::string_view>>& task_frames() {
  static const std::vector<std::pair<std::string_view, std::string_view>> frames{
      {"start", "### Task:"},   {"anywhere", "<chat_history>"}, {"end", "</chat_history>"},
      {"anywhere", "\nUSER: "}, {"anywhere", "\nASSISTANT:"},   {"anywhere", "\nUser: "},
      {"anywhere", "\nAI: "}};
  return frames;
}

std::optional<TaskSample> sample_of(const Classification& classification, const BodyFacts& body,
                                    const std::vector<std::shared_ptr<const Pack>>& packs,
                                    const SampleWish& wish) {
  const bool known = classification.evidence == Evidence::header || classification.evidence == Evidence::pack;
  if (!classification.task_shaped || known || !body.readable || body.messages.empty()) return std::nullopt;
  const std::string_view text = trimmed(body.messages.back().text);
  const Asked asked = what_it_asks(text, packs);
  TaskSample sample;
  sample.request_class = asked.request_class;
  if (asked.mark != nullptr) sample.asks = asked.mark->asks;
  if (classification.evidence == Evidence::echo && is_task(classification.request_class))
    sample.request_class = classification.request_class;
  if (wish.label) sample.request_class = *wish.label;
  const bool shown = wish.label || asked.mark != nullptr || classification.evidence == Evidence::echo;
  if (!shown || !is_task(sample.request_class)) return std::nullopt;
  for (std::size_t i = 0; i < task_frames().size(); ++i)
    if (holds(task_frames()[i].first, task_frames()[i].second, text)) sample.frames.push_back(i);
  const std::string_view start = text.substr(0, same_start);
  sample.start = XXH3_64bits_withSeed(start.data(), start.size(), wish.seed ^ classification.tenant.value());
  if (wish.text) sample.text = text;
  return sample;
}

nlohmann::json to_json(const TaskSample& sample) {
  nlohmann::json json{{"class", to_text(sample.request_class)},
                      {"asks", sample.asks},
                      {"frames", sample.frames},
                      {"start", sample.start}};
  if (!sample.text.empty()) json["text"] = sample.text;
  return json;
}

Result<TaskSample> sample_from(const nlohmann::json& json) {
  const Error wrong{"this is no sample of a task", "samples", "are agent and tool of one release?"};
  try {
    const auto request_class = request_class_from(json.at("class").get<std::string>());
    if (!request_class) return wrong;
    TaskSample sample;
    sample.request_class = *request_class;
    sample.asks = json.at("asks").get<std::string>();
    sample.frames = json.at("frames").get<std::vector<std::size_t>>();
    sample.start = json.at("start").get<std::uint64_t>();
    sample.text = json.value("text", "");
    for (const std::size_t frame : sample.frames)
      if (frame >= task_frames().size()) return wrong;
    return sample;
  } catch (const nlohmann::json::exception&) {
    return wrong;
  }
}

}  // namespace tasklane
