#include "shaper/observe/prefix_doctor.h"

#include <algorithm>
#include <set>

#include "shaper/base/time.h"

namespace tasklane::observe {
namespace {

constexpr double cold_share = 0.1;        // less of it was known: a prompt that is read whole
constexpr std::uint64_t cold_least = 64;  // tokens, for a rate
constexpr double lost_share = 0.25;       // so much of it must have fallen out to be told
constexpr double worth_telling = 0.5;     // so much could have been reused

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

PrefixDoctor::Model& PrefixDoctor::model_of(const ObservedRequest& request) {
  const Key key{request.server, request.model};
  if (models_.size() >= most_models && models_.find(key) == models_.end())
    models_.erase(std::min_element(models_.begin(), models_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  Model& model = models_[key];
  model.used = ++uses_;
  return model;
}

// The latest prompt of the same tenant that has a message of the person's in common with this one: the most
// of them, for two chats may share a short word.
const PrefixDoctor::Known* PrefixDoctor::turn_before(const Model& model, const ObservedRequest& request) {
  std::set<std::uint64_t> said;
  for (const PromptPart& part : request.prompt.parts)
    if (part.role == PartRole::user || part.role == PartRole::assistant) said.insert(part.hash);
  const Known* best = nullptr;
  std::size_t most = 0;
  for (const Known& each : model.prompts) {
    if (each.request_class != request.request_class() || each.tenant != request.found.tenant) continue;
    if (each.print.parts.size() > request.prompt.parts.size()) continue;
    const auto in_common = static_cast<std::size_t>(
        std::count_if(each.print.parts.begin(), each.print.parts.end(), [&](const PromptPart& part) {
          return (part.role == PartRole::user || part.role == PartRole::assistant) &&
                 said.count(part.hash) > 0;
        }));
    if (in_common == 0 || in_common < most) continue;
    most = in_common;
    best = &each;
  }
  return best;
}

void PrefixDoctor::asked(ObservedRequest& request) {
  if (request.prompt.parts.empty()) return;
  Model& model = model_of(request);
  PrefixFinding finding;
  std::uint64_t known = 0;
  for (const Known& each : model.prompts)
    known = std::max(known, common_beginning(each.print, request.prompt).bytes);
  finding.could_reuse = share(known, request.prompt.bytes);
  const Known* const before =
      request.request_class() == RequestClass::chat ? turn_before(model, request) : nullptr;
  if (before != nullptr) {
    finding.earlier = before->id;
    finding.parts = before->print.parts.size();
    finding.same = common_beginning(before->print, request.prompt).parts;
    if (finding.same < finding.parts) finding.changed = request.prompt.parts[finding.same].role;
    for (const Known& each : model.prompts)
      if (each.id > before->id) finding.between.push_back(each.request_class);
  }
  request.prefix = std::move(finding);
  model.prompts.push_back({request.id, request.request_class(), request.found.tenant, request.prompt});
  if (model.prompts.size() > most_prompts) model.prompts.pop_front();
}

void PrefixDoctor::answered(ObservedRequest& request) {
  if (!request.prefix) return;
  Model& model = model_of(request);
  PrefixFinding& finding = *request.prefix;
  const UpstreamFigures& figures = request.figures;
  const bool cold = finding.could_reuse < cold_share;
  if (figures.cached_tokens && figures.prompt_tokens && *figures.prompt_tokens > 0) {
    finding.reused = std::min(1.0, share(*figures.cached_tokens, *figures.prompt_tokens));
    finding.told = true;
  } else if (figures.prompt_tokens && figures.prompt_time && *figures.prompt_tokens >= cold_least) {
    const auto tokens = static_cast<double>(*figures.prompt_tokens);
    const double seconds = seconds_of(*figures.prompt_time);
    if (cold && seconds > 0) {
      model.cold_tokens += tokens;
      model.cold_seconds += seconds;
    } else if (model.cold_seconds > 0) {
      finding.reused = std::clamp(1 - seconds * model.cold_tokens / model.cold_seconds / tokens, 0.0, 1.0);
    }
  }
  finding.fell_out = finding.reused && finding.could_reuse >= worth_telling &&
                     finding.could_reuse - *finding.reused > lost_share;
}

}  // namespace tasklane::observe
