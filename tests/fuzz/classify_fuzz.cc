// From bytes to classes: whatever a client sends, reading and classifying it neither crashes nor hangs, and
// what is streamed or has tools is never a task.
//
// An input is a sequence of requests, divided by the line "---". The first byte of each chooses path and
// encoding; with its fifth bit, the first line is the value of a task header.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "shaper/classify/classifier.h"
#include "shaper/classify/pack.h"
#include "shaper/dialect/body.h"

namespace tasklane {
namespace {

constexpr std::string_view paths[] = {"/api/chat", "/v1/chat/completions", "/api/generate",
                                      "/v1/completions"};

const std::vector<std::shared_ptr<const Pack>>& packs() {
  static const auto loaded = find_packs({"open-webui", "librechat"}, {}).value();
  return loaded;
}

void one_request(std::string_view bytes, RequestId id, BodyReader& reader, Classifier& classifier) {
  if (bytes.empty()) return;
  const auto choice = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  RequestHead head{"POST", std::string(paths[choice & 3U]), {}};
  if ((choice & 16U) != 0) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    head.fields.push_back({"X-OpenWebUI-Task", std::string(bytes.substr(0, end))});
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  const Endpoint endpoint = endpoint_of(head.method, head.target);
  const BodyFacts& facts = reader.read(bytes, endpoint.dialect, (choice & 8U) != 0 ? "gzip" : "");
  const Time now{std::chrono::milliseconds(100 * id)};
  const Classification result =
      classifier.classify({id, head, endpoint, &facts, "client", now, (choice & 32U) != 0});
  const bool may_be_task = result.evidence == Evidence::header || result.task_shaped;
  if (is_task(result.request_class) && !may_be_task) std::abort();
  if (result.score < 0 || result.score > 1) std::abort();
}

}  // namespace
}  // namespace tasklane

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tasklane;
  constexpr std::string_view divider = "\n---\n";
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  BodyReader reader;
  Classifier classifier(packs(), {0.5, 1, 2});
  for (RequestId id = 1; !rest.empty(); ++id) {
    const std::size_t end = std::min(rest.find(divider), rest.size());
    one_request(rest.substr(0, end), id, reader, classifier);
    rest.remove_prefix(std::min(end + divider.size(), rest.size()));
  }
  return 0;
}
