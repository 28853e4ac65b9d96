#include "tools/tasklane/traffic.h"

#include <algorithm>
#include <istream>
#include <utility>

namespace tasklane {

// Where no time is given, requests follow each other closely. A jump back is the start of another recording:
// by then all that was remembered has faded.
Time TrafficReader::next_time(const RecordedRequest& request) {
  constexpr Duration close_behind = std::chrono::milliseconds(10);
  constexpr Duration another_recording = std::chrono::hours(1);
  if (!request.at) return now_ += close_behind;
  if (*request.at + std::chrono::seconds(1) < last_at_)
    now_ += another_recording;
  else if (*request.at > last_at_)
    now_ += *request.at - last_at_;
  last_at_ = *request.at;
  return now_;
}

const BodyFacts* body_of(const RecordedRequest& request, BodyReader& reader) {
  const Endpoint endpoint = endpoint_of(request.head.method, request.head.target);
  if (!has_prompt(endpoint)) return nullptr;
  const std::string* const encoding = request.head.field("Content-Encoding");
  return &reader.read(request.body, endpoint.dialect, encoding != nullptr ? *encoding : std::string());
}

void TrafficReader::end_what_has(Time now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    classifier_.ended(ends_.begin()->second, ends_.begin()->first);
    ends_.erase(ends_.begin());
  }
  if (open_ != 0) classifier_.chat_ended(std::exchange(open_, 0), now);
}

Classification TrafficReader::classify(const RecordedRequest& request,
                                       const std::function<void(const SeenRequest&)>& visit) {
  const Endpoint endpoint = endpoint_of(request.head.method, request.head.target);
  const BodyFacts* body = body_of(request, reader_);
  const Time now = next_time(request);
  end_what_has(now);
  Classification classification =
      classifier_.classify({++last_id_, request.head, endpoint, body, request.client, now, true});
  // A title that was answered before its chat came is one all the same.
  constexpr Duration settle = std::chrono::milliseconds(400);
  const Duration kept = classification.may_be_unmasked ? settle : Duration::zero();
  if (request.lasts)
    ends_.emplace(now + std::max(*request.lasts, kept), last_id_);
  else
    open_ = last_id_;
  visit({request, endpoint, body, classification});
  return classification;
}

Result<std::size_t> TrafficReader::read_lines(std::istream& in, const std::string& source,
                                              const std::function<void(const SeenRequest&)>& visit) {
  std::string line;
  std::size_t requests = 0;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto request = parse_request_line(line, source + ":" + std::to_string(number));
    if (!request) return request.error();
    classify(*request, visit);
    ++requests;
  }
  return requests;
}

}  // namespace tasklane
