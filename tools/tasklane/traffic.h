// Requests from a file, classified as one stream: what `explain` and `learn` work on.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "shaper/classify/classifier.h"
#include "shaper/dialect/body.h"
#include "tools/tasklane/request_lines.h"

namespace tasklane {

// Views are valid during the visit only.
struct SeenRequest {
  const RecordedRequest& request;
  Endpoint endpoint;
  const BodyFacts* body;  // null where the endpoint generates nothing
  const Classification& classification;
};

// Null where the endpoint generates nothing. Valid until the reader's next body.
const BodyFacts* body_of(const RecordedRequest& request, BodyReader& reader);

class TrafficReader {
 public:
  explicit TrafficReader(Classifier classifier) : classifier_(std::move(classifier)) {}

  // Classifies one request. Its id is its number, from 1.
  Classification classify(const RecordedRequest& request,
                          const std::function<void(const SeenRequest&)>& visit);

  // All lines of `in`; empty ones are skipped. `source` goes into errors.
  Result<std::size_t> read_lines(std::istream& in, const std::string& source,
                                 const std::function<void(const SeenRequest&)>& visit);

 private:
  Time next_time(const RecordedRequest& request);
  void end_what_has(Time now);

  Classifier classifier_;
  BodyReader reader_;
  RequestId last_id_ = 0;
  Time now_{};
  Duration last_at_{};
  std::multimap<Time, RequestId> ends_;  // of answers, where lines tell
  RequestId open_ = 0;                   // the last request, where its line tells no end
};

}  // namespace tasklane
