#include "tools/tasklane/traffic.h"

#include <istream>

namespace tasklane {

// Where no time is given, requests follow each other closely. A jump back is the start of another recording:
// by then all that was remembered has faded.
Time TrafficReader::next_time(const RequestLine& request) {
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

const BodyFacts* body_of(const RequestLine& request, BodyReader& reader) {
  const Endpoint endpoint = endpoint_of(request.head.method, request.head.target);
  if (endpoint.kind != EndpointKind::generation) return nullptr;
  const std::string* const encoding = request.head.field("Content-Encoding");
  return &reader.read(request.body, endpoint.dialect, encoding != nullptr ? *encoding : std::string());
}

Classification TrafficReader::classify(const RequestLine& request,
                                       const std::function<void(const SeenRequest&)>& visit) {
  const Endpoint endpoint = endpoint_of(request.head.method, request.head.target);
  const BodyFacts* body = body_of(request, reader_);
  Classification classification = classifier_.classify(
      {++last_id_, request.head, endpoint, body, request.client, next_time(request), true});
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
