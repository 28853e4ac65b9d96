#include "shaper/server/book.h"

namespace tasklane {

Book::Page& Book::open(const ServerKey& server) {
  if (pages_.size() >= most_servers && !pages_.contains(server)) drop_a_server();
  Page& page = pages_[server];
  page.opened = ++openings_;
  return page;
}

ModelPage& Book::model(const ModelKey& key) {
  if (models() >= most_models && !open(key.server).models.contains(key.model)) drop_a_model();
  Model& model = open(key.server).models[key.model];
  model.opened = ++openings_;
  return model.page;
}

const UpstreamPage* Book::known(const UpstreamKey& key) const {
  const auto page = upstreams_.find(key);
  return page == upstreams_.end() ? nullptr : &page->second;
}

void Book::drop_a_server() {
  auto oldest = pages_.end();
  for (auto page = pages_.begin(); page != pages_.end(); ++page)
    if (!page->second.slots.named && (oldest == pages_.end() || page->second.opened < oldest->second.opened))
      oldest = page;
  if (oldest != pages_.end()) pages_.erase(oldest);
}

void Book::drop_a_model() {
  std::map<std::string, Model>* of = nullptr;
  std::map<std::string, Model>::iterator oldest;
  for (auto& [server, page] : pages_)
    for (auto model = page.models.begin(); model != page.models.end(); ++model)
      if (of == nullptr || model->second.opened < oldest->second.opened) {
        of = &page.models;
        oldest = model;
      }
  if (of != nullptr) of->erase(oldest);
}

std::vector<ServerKey> Book::with_slots() const {
  std::vector<ServerKey> servers;
  for (const auto& [server, page] : pages_)
    if (page.slots.named || page.slots.learnt) servers.push_back(server);
  return servers;
}

void Book::forget_wanted_slots() {
  for (auto& [server, page] : pages_) {
    page.slots.wanted.reset();
    page.slots.reserve = 0;
    page.slots.named = false;
  }
}

void Book::configuration_read_again() {
  for (auto& [server, page] : pages_) {
    page.priority = {};
    page.residency = {};
    for (auto& [name, model] : page.models) {
      model.page.constraints = {};
      model.page.slices.clear();
    }
  }
  for (auto& [name, page] : upstreams_) {
    page.health = std::make_shared<Health>(page.health->openings());
    page.family.reset();
  }
}

std::size_t Book::models() const {
  std::size_t count = 0;
  for (const auto& [server, page] : pages_) count += page.models.size();
  return count;
}

}  // namespace tasklane
