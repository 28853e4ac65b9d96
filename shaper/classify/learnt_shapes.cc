#include "shaper/classify/learnt_shapes.h"

#include <algorithm>

namespace tasklane {
namespace {

constexpr unsigned times_to_learn = 3;
constexpr std::size_t most_shapes = 4096;
constexpr std::size_t most_front_ends = 1024;

template <class Map, class LastOf>
void make_room(Map& map, std::size_t most, LastOf last_of) {
  if (map.size() < most) return;
  map.erase(std::min_element(map.begin(), map.end(), [&](const auto& a, const auto& b) {
    return last_of(a.second) < last_of(b.second);
  }));
}

}  // namespace

void LearntShapes::is_front_end(Tenant tenant, Time now) {
  if (!front_ends_.contains(tenant)) make_room(front_ends_, most_front_ends, [](Time at) { return at; });
  front_ends_[tenant] = now;
}

LearntShapes::Seen& LearntShapes::seen(Tenant tenant, Shape shape, Time now) {
  const std::pair key(tenant, shape);
  if (!shapes_.contains(key)) make_room(shapes_, most_shapes, [](const Seen& one) { return one.last; });
  Seen& one = shapes_[key];
  one.last = now;
  return one;
}

bool LearntShapes::behind_its_chat(Tenant tenant, Shape shape, std::uint64_t chat, Time now) {
  if (shape == 0) return false;
  Seen& one = seen(tenant, shape, now);
  const bool learnt = one.times >= times_to_learn && !one.refuted;
  if (one.chat != chat || one.times == 0) one.times = std::min(one.times + 1, times_to_learn);
  one.chat = chat;
  return learnt && front_ends_.contains(tenant);
}

void LearntShapes::before_a_chat(Tenant tenant, Shape shape) {
  if (const auto found = shapes_.find({tenant, shape}); found != shapes_.end()) found->second.times = 0;
}

void LearntShapes::at_another_time(Tenant tenant, Shape shape, Time now) {
  if (shape != 0) seen(tenant, shape, now).refuted = true;
}

}  // namespace tasklane
