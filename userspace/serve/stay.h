// What a request holds while it is served, given back however that ends: no path, not even an exception,
// leaves a phantom in the lanes or in the statistics.
#pragma once

#include <utility>

#include "shaper/classify/classifier.h"
#include "shaper/count/statistics.h"
#include "userspace/serve/lanes.h"

namespace tasklane {

// Counted as under way. Rows live as long as the statistics.
class InFlight {
 public:
  explicit InFlight(Row& row) : row_(row) { ++row_.in_flight; }
  ~InFlight() { --row_.in_flight; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  Row& row_;
};

// A chat in its lane.
class ChatStay {
 public:
  ChatStay(Lanes& lanes, RequestId id) : lanes_(lanes), id_(id) {}
  ~ChatStay() { end(); }
  ChatStay(const ChatStay&) = delete;
  ChatStay& operator=(const ChatStay&) = delete;

  void begin(Ticket ticket) {
    begun_ = true;  // also where it is told of halfway
    lanes_.chat_begins(std::move(ticket));
  }
  void end() {
    if (std::exchange(begun_, false)) lanes_.chat_ends(id_);
  }

 private:
  Lanes& lanes_;
  RequestId id_;
  bool begun_ = false;
};

// The classifier waits for the end of each request that it has seen.
class ClassifierStay {
 public:
  ClassifierStay(Classifier& classifier, RequestId id) : classifier_(classifier), id_(id) {}
  ~ClassifierStay() { classifier_.ended(id_, now()); }
  ClassifierStay(const ClassifierStay&) = delete;
  ClassifierStay& operator=(const ClassifierStay&) = delete;

 private:
  Classifier& classifier_;
  RequestId id_;
};

// Set while it lives.
class Flag {
 public:
  explicit Flag(bool& flag) : flag_(flag) { flag_ = true; }
  ~Flag() { flag_ = false; }
  Flag(const Flag&) = delete;
  Flag& operator=(const Flag&) = delete;

 private:
  bool& flag_;
};

}  // namespace tasklane
