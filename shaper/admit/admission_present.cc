// What is there now, for whoever looks.
#include "shaper/admit/admission.h"

namespace tasklane {

std::map<Lane, LanePresence> Admission::present() const {
  std::map<Lane, LanePresence> lanes;
  if (!chats_.empty()) lanes[Lane::interactive].running = chats_.size();
  for (const auto& [id, job] : jobs_) {
    if (job.state == State::waiting) ++lanes[job.ticket.lane].waiting;
    if (job.state == State::running) ++lanes[job.ticket.lane].running;
  }
  return lanes;
}

std::map<std::string, ServerRoom> Admission::servers() const {
  std::map<std::string, ServerRoom> servers;
  for (const auto& [name, upstream] : upstreams_) servers[name] = {upstream.slots, upstream.reserve};
  return servers;
}

std::size_t Admission::waiting() const {
  std::size_t count = 0;
  for (const auto& [id, job] : jobs_) count += job.state == State::waiting ? 1 : 0;
  return count;
}

std::size_t Admission::running() const {
  std::size_t count = chats_.size();
  for (const auto& [id, job] : jobs_) count += job.state == State::running ? 1 : 0;
  return count;
}

}  // namespace tasklane
