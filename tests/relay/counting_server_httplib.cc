// The same of cpp-httplib, which llama.cpp's server is built on.
#include <httplib.h>

#include <atomic>
#include <cstdio>

int main() {
  constexpr std::size_t threads = 128;  // each connection that is kept takes one
  std::atomic<unsigned long> counted = 0;
  httplib::Server server;
  server.new_task_queue = [] { return new httplib::ThreadPool(threads); };
  server.set_keep_alive_max_count(1'000'000);
  // Asked for each head that it has understood, before the body is read.
  server.set_pre_routing_handler([&](const httplib::Request& request, httplib::Response&) {
    if (request.path != "/counted") ++counted;
    return httplib::Server::HandlerResponse::Unhandled;
  });
  const auto answer = [&](const httplib::Request&, httplib::Response& out) {
    out.set_content(std::to_string(counted.load()), "application/json");
  };
  server.Get(".*", answer);
  server.Post(".*", answer);
  std::printf("%d\n", server.bind_to_any_port("127.0.0.1"));
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
}
