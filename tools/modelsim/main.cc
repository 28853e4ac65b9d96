// modelsim: a model server that needs no model: queue, slots, prefill, decode, prompt cache and quirks of
// Ollama and llama-server, in real time on real sockets. Reports what it did at /sim/log.
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "tools/modelsim/server.h"
#include "tools/support/program.h"

int main(int argc, char** argv) {
  using namespace tasklane;
  using namespace tasklane::sim;
  CLI::App app{"A simulated model server, as Ollama or llama-server behave", "modelsim"};
  ServerOptions options;
  options.engine.batch = 0;
  options.engine.slots = 0;
  bool no_host_cache = false;
  double load_seconds = seconds_of(options.engine.load_time);
  const std::map<std::string, Flavour> flavours{{"ollama", Flavour::ollama}, {"llama", Flavour::llama}};
  app.add_option("--listen", options.listen, "ADDRESS:PORT, again for more; port 0 takes any")->required();
  app.add_option("--flavour", options.engine.flavour, "ollama or llama")
      ->transform(CLI::CheckedTransformer(flavours));
  app.add_option("--slots", options.engine.slots, "Slots that share the compute (default: 1, llama 4)");
  app.add_option("--prefill", options.engine.prefill_rate, "Prompt tokens a second")
      ->check(CLI::PositiveNumber);
  app.add_option("--decode", options.engine.decode_rate, "Answer tokens a second")
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", options.engine.batch, "Prompt tokens of a step (default: 512, llama 2048)");
  app.add_flag("--no-host-cache", no_host_cache, "Only the slots remember prompts");
  app.add_option("--load-time", load_seconds, "Seconds to load a model")->check(CLI::NonNegativeNumber);
  app.add_option("--max-loaded", options.engine.max_loaded, "Models in memory at once")
      ->check(CLI::PositiveNumber);
  app.add_option("--max-queue", options.engine.max_queue, "Requests that may wait for a load");
  app.add_option("--model", options.models, "A model's name, again for more");
  const std::map<std::string, Router> routers{{"llama-swap", Router::llama_swap},
                                              {"llama-server", Router::llama_server}};
  app.add_option("--router", options.router,
                 "Tells which models are loaded as llama-swap or llama-server without --model do")
      ->transform(CLI::CheckedTransformer(routers));
  const std::map<std::string, Priorities> priorities{
      {"ignored", Priorities::ignored}, {"refused", Priorities::refused}, {"heeded", Priorities::heeded}};
  app.add_option("--priority", options.engine.priorities,
                 "What it makes of a request's \"priority\", as vLLM does: ignored, refused or heeded")
      ->transform(CLI::CheckedTransformer(priorities));
  app.add_option("--seed", options.style.seed, "Of the answers");
  app.add_flag("--prose", options.style.prose,
               "Answer tasks in prose, as small models do, unless a schema forces JSON");
  app.add_option("--answer-tokens", options.style.chat_tokens, "Length of an answer to a chat");
  app.add_option("--speed", options.speed, "Simulated seconds a second")->check(CLI::PositiveNumber);
  app.add_flag("--check-host", options.check_host, "403 to a foreign Host, as Ollama on loopback");
  app.add_option("--close-before-answer", options.close_before_answer,
                 "Close the first N generations without a byte");
  app.add_option("--refuse-status", options.refuse_status, "Answer every generation with this status");
  app.add_flag("--hang", options.hang, "Read generations and never answer");
  if (const auto code = tools::ends_at_arguments(app, argc, argv)) return *code;
  const bool llama = options.engine.flavour == Flavour::llama;
  if (options.engine.batch == 0) options.engine.batch = llama ? 2048 : 512;
  if (options.engine.slots == 0) options.engine.slots = llama ? 4 : 1;
  if (no_host_cache) options.engine.host_cache = 0;
  options.engine.load_time = from_seconds(load_seconds);

  Result<std::unique_ptr<Server>> server = Server::start(options);
  if (!server) {
    std::cerr << "modelsim: " << server.error().text() << "\n";
    return static_cast<int>(server.error().exit);
  }
  for (const std::string& address : (*server)->addresses())
    std::cout << "listening on " << address << std::endl;
  (*server)->run();
  return 0;
}
