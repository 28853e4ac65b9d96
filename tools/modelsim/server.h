// The simulator on real sockets: HTTP around the engine, time from the wall.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shaper/base/result.h"
#include "tools/modelsim/answer_text.h"
#include "tools/modelsim/engine.h"

namespace tasklane::sim {

// Who stands before the models and loads whichever is asked for: how it tells which are loaded.
// - llama-swap: at /running those that are ready (its README, "/running"; proxy/proxymanager.go).
// - llama-server without --model: at /models all, each with its "status" (tools/server/README.md, "GET
//   /models").
enum class Router { none, llama_swap, llama_server };

struct ServerOptions {
  std::vector<std::string> listen;  // "address:port"; port 0: any
  std::vector<std::string> models{"sim"};
  EngineOptions engine;
  Router router = Router::none;
  AnswerStyle style;
  double speed = 1;         // simulated seconds a second
  bool check_host = false;  // 403 to a foreign Host, as Ollama on loopback
  unsigned close_before_answer =
      0;                  // the first N generation requests get their connection closed without a byte
  int refuse_status = 0;  // every generation request gets this status
  bool hang = false;      // generation requests are read and never answered
};

class Server {
 public:
  struct State;  // tools/modelsim/state.h
  static Result<std::unique_ptr<Server>> start(const ServerOptions& options);
  ~Server();
  // Serves until SIGTERM or SIGINT.
  void run();
  [[nodiscard]] std::vector<std::string> addresses() const;

 private:
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tasklane::sim
