#include "tools/simulate/wire.h"

#include <string_view>

namespace tasklane::simulate {

WireRequest read_request(const std::string& request) {
  constexpr std::uint32_t longest_head = 1U << 16U;
  WireRequest result;
  RequestScanner scanner(longest_head);
  scanner.collect_into(&result.body);
  std::string_view rest = request;
  for (ScanState state = ScanState::head_done; state == ScanState::head_done;) {
    const ScanResult scan = scanner.feed(rest);
    rest.remove_prefix(scan.consumed);
    state = scan.state;
  }
  result.head = scanner.head();
  return result;
}

UpstreamFigures figures_of(const sim::Usage& usage, sim::Flavour flavour) {
  UpstreamFigures figures;
  if (flavour == sim::Flavour::ollama) {
    figures.prompt_tokens = usage.new_tokens + usage.cached_tokens;
  } else {
    figures.computed_tokens = usage.new_tokens;
    figures.cached_tokens = usage.cached_tokens;
  }
  figures.prompt_time = usage.prefill;
  figures.generated_tokens = usage.generated;
  figures.generation_time = usage.decode;
  return figures;
}

}  // namespace tasklane::simulate
