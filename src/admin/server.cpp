#include "admin/server.hpp"

#include <utility>

#include "admin/api.hpp"
#include "admin/http_daemon.hpp"
#include "admin/unix_socket.hpp"

namespace evmesh::admin {

struct AdminServer::Impl {
  Impl(Node& node, Api::Options options) : api(node, std::move(options)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    // Streams first: the daemon's end waits for the threads that serve them.
    api.close_streams();
    daemon.reset();
  }

  Api api;
  std::unique_ptr<HttpDaemon> daemon;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

Result<std::unique_ptr<AdminServer>> AdminServer::start(Node& node, Options options) {
  auto socket = UnixSocket::listen(options.socket);
  if (!socket) return tl::unexpected(socket.error());
  Api::Options api;
  api.event_size_bytes_max = options.event_size_bytes_max;
  api.keep_alive = options.keep_alive;
  api.on_leave = std::move(options.on_leave);
  api.counters = std::move(options.counters);
  auto impl = std::make_unique<Impl>(node, std::move(api));

  HttpDaemon::Options daemon;
  daemon.header_time = options.header_time;
  daemon.body_bytes_max = [&made = impl->api](std::string_view method, std::string_view path) {
    return made.body_bytes_max(method, path);
  };
  daemon.handle = [&made = impl->api](const Request& request) { return made.answer(request); };
  auto started = HttpDaemon::start(std::move(daemon), std::move(*socket));
  if (!started) return tl::unexpected(started.error());
  impl->daemon = std::move(*started);
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

}  // namespace evmesh::admin
