// What Tasklane asks on its own account (re-warms, pre-warms, slices of a prompt, questions for slots, for
// loaded models, and whether a server is there): all of it, by server, so that it ends at a word. One thread.
#pragma once

#include <memory>
#include <set>
#include <utility>

#include "shaper/server/server_key.h"
#include "userspace/wire/upstream.h"

namespace tasklane {

class OwnRequests {
 public:
  // One of them on its way, from before it is dialled to its end.
  class One {
   public:
    One(OwnRequests& all, ServerKey server) : all_(all), server_(std::move(server)) {
      all_.running_.insert(this);
    }
    ~One() { all_.running_.erase(this); }
    One(const One&) = delete;
    One& operator=(const One&) = delete;

    // False: it was ended while it was dialled, and is not to be asked.
    bool reached(UpstreamPtr upstream) {
      upstream_ = std::move(upstream);
      return !ended_;
    }
    void end() {
      ended_ = true;
      dialling_->give_up();
      if (upstream_) upstream_->abort();
    }
    // By which its dial is given up.
    [[nodiscard]] const std::shared_ptr<Dialling>& dialling() const { return dialling_; }
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] UpstreamConnection& upstream() const { return *upstream_; }

   private:
    friend class OwnRequests;
    OwnRequests& all_;
    ServerKey server_;
    std::shared_ptr<Dialling> dialling_ = std::make_shared<Dialling>();
    UpstreamPtr upstream_;
    bool ended_ = false;
  };

  // All that is on its way to this server.
  void stop(const ServerKey& server) {
    for (One* each : running_)
      if (each->server_ == server) each->end();
  }
  // All that is on its way, anywhere; and nothing more is begun until told to go on.
  void pause(bool on) {
    paused_ = on;
    if (on)
      for (One* each : running_) each->end();
  }
  [[nodiscard]] bool paused() const { return paused_; }

 private:
  std::set<One*> running_;
  bool paused_ = false;
};

}  // namespace tasklane
