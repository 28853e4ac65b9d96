// The one way in which a coroutine of the agent begins. What escapes it is a fault of ours (or no memory is
// left): nobody is left to end what it had begun, so the process ends, the kernel detaches the steering, and
// the next connection reaches the model directly.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <utility>

namespace tasklane {

// Says which work it was and the exception's type (its words may be a request's), and ends the process with
// status 1, running nothing more of it. Any thread.
[[noreturn]] void end_for(const char* what, const std::exception_ptr& escaped) noexcept;

// What becomes of an exception that escapes a coroutine on this event loop: end_for(), unless a test sets
// another. From the event loop's thread.
class Escapes : public boost::asio::execution_context::service {
 public:
  using key_type = Escapes;
  using Reaction = std::function<void(const char* what, const std::exception_ptr& escaped)>;
  inline static boost::asio::execution_context::id id;  // NOLINT: Asio takes it by reference

  explicit Escapes(boost::asio::execution_context& context) : service(context) {}
  void react_with(Reaction reaction) { reaction_ = std::move(reaction); }
  void react(const char* what, const std::exception_ptr& escaped) const {
    if (!reaction_) end_for(what, escaped);
    reaction_(what, escaped);
  }

 private:
  void shutdown() override {}
  Reaction reaction_;
};

// Starts `work`, an awaitable or a function that makes one, on the event loop's thread. `what` names it in
// the log and must be a literal.
template <class Executor, class Work>
void spawn(const Executor& executor, const char* what, Work&& work) {
  Escapes& escapes = boost::asio::use_service<Escapes>(executor.context());
  boost::asio::co_spawn(executor, std::forward<Work>(work),
                        [&escapes, what](const std::exception_ptr& escaped) {
                          if (escaped) escapes.react(what, escaped);
                        });
}

template <class Work>
void spawn(boost::asio::io_context& io, const char* what, Work&& work) {
  spawn(io.get_executor(), what, std::forward<Work>(work));
}

// Runs the event loop to its end. What escapes a handler ends the process as well.
void run_loop(boost::asio::io_context& io);

}  // namespace tasklane
