#include "admin/http_daemon.hpp"

#include <charconv>
#include <cstring>
#include <exception>
#include <utility>

#include <microhttpd.h>

#include "base/text.hpp"

#include "admin/connection_watch.hpp"
#include "admin/header_rules.hpp"
#include "admin/query.hpp"

namespace evmesh::admin {

struct HttpDaemon::Impl {
  Options options;
  std::unique_ptr<UnixSocket> socket;
  ConnectionWatch watch;
  MHD_Daemon* daemon = nullptr;

  Impl(Options given, std::unique_ptr<UnixSocket> listening)
      : options(std::move(given)), socket(std::move(listening)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    if (daemon != nullptr) MHD_stop_daemon(daemon);
  }
};

namespace {

using Impl = HttpDaemon::Impl;

constexpr std::size_t header_bytes_max = 32 * 1024;
constexpr std::size_t stream_block_bytes = 16 * 1024;

/// One request under way.
struct Exchange {
  Request request;
  std::size_t body_bytes_max = 0;
  bool too_large = false;
  std::optional<Error> malformed{};     // found before the handler
  std::function<void()> afterwards{};
};

int fd_of(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info == nullptr ? -1 : info->connect_fd;
}

// The library gets our bytes undecoded: percent_decoded refuses what it would let pass.
std::size_t keep_escapes(void*, MHD_Connection*, char* text) { return std::strlen(text); }

MHD_Result take_parameter(void* data, MHD_ValueKind, const char* name, const char* value) {
  Exchange& exchange = *static_cast<Exchange*>(data);
  auto decoded_name = percent_decoded(name);
  auto decoded_value = percent_decoded(value == nullptr ? "" : value);
  if (!decoded_name || !decoded_value) {
    exchange.malformed = decoded_name ? decoded_value.error() : decoded_name.error();
    return MHD_NO;
  }
  exchange.request.query.emplace(std::move(*decoded_name), std::move(*decoded_value));
  return MHD_YES;
}

MHD_Result take_header(void* data, MHD_ValueKind, const char* name, const char* value) {
  static_cast<Headers*>(data)->emplace_back(name, value == nullptr ? "" : value);
  return MHD_YES;
}

std::string header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string() : std::string(value);
}

long read_stream(void* data, std::uint64_t, char* buffer, std::size_t room) {
  auto& source = *static_cast<std::shared_ptr<BodySource>*>(data);
  try {
    const auto piece = source->next(room);
    if (!piece) return MHD_CONTENT_READER_END_OF_STREAM;
    std::memcpy(buffer, piece->data(), piece->size());
    return static_cast<long>(piece->size());
  } catch (const std::exception&) {
    return MHD_CONTENT_READER_END_WITH_ERROR;
  }
}

void free_stream(void* data) { delete static_cast<std::shared_ptr<BodySource>*>(data); }

MHD_Response* make_response(const Response& response) {
  if (response.source) {
    // Owned by the library, which gives it back to free_stream.
    auto* source = new std::shared_ptr<BodySource>(response.source);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, stream_block_bytes, &read_stream, source,
                                             &free_stream);
  }
  // MUST_COPY leaves the bytes alone; the parameter is not const for historical reasons.
  return MHD_create_response_from_buffer(response.body.size(), const_cast<char*>(response.body.data()),
                                         MHD_RESPMEM_MUST_COPY);
}

MHD_Result answer(Impl& impl, MHD_Connection* connection, Exchange& exchange, Response response) {
  exchange.afterwards = std::move(response.afterwards);
  MHD_Response* made = make_response(response);
  if (made == nullptr) return MHD_NO;
  MHD_add_response_header(made, "Content-Type",
                          response.source ? "application/x-ndjson" : "application/json");
  MHD_add_response_header(made, "Cache-Control", "no-store");
  for (const auto& [name, value] : response.headers)
    MHD_add_response_header(made, name.c_str(), value.c_str());
  if (response.source) {
    impl.watch.allow_for_ever(fd_of(connection));
  } else {
    impl.watch.allow(fd_of(connection), impl.options.answer_time);
  }
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(response.status), made);
  MHD_destroy_response(made);
  return queued;
}

/// What can be said without the body, or nothing.
std::optional<Response> refuse_early(MHD_Connection* connection, const Exchange& exchange) {
  if (exchange.malformed) return error_response(*exchange.malformed);
  Headers headers;
  MHD_get_connection_values(connection, MHD_HEADER_KIND, &take_header, &headers);
  if (auto refusal = refuse_headers(headers)) return refusal;
  const std::string length = header(connection, "Content-Length");
  std::uint64_t announced = 0;
  std::from_chars(length.data(), length.data() + length.size(), announced);
  if (announced > exchange.body_bytes_max) {
    return error_response(413, "body_too_large",
                          "the body has " + std::to_string(announced) + " bytes; this route takes at most " +
                              std::to_string(exchange.body_bytes_max));
  }
  return std::nullopt;
}

MHD_Result begin(Impl& impl, MHD_Connection* connection, const char* url, const char* method,
                 Exchange& exchange) {
  impl.watch.allow(fd_of(connection), impl.options.body_time);
  exchange.request.method = method;
  if (auto path = percent_decoded(url)) {
    exchange.request.path = std::move(*path);
  } else {
    exchange.malformed = path.error();
  }
  exchange.request.content_type = header(connection, "Content-Type");
  exchange.body_bytes_max = impl.options.body_bytes_max(exchange.request.method, exchange.request.path);
  MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &take_parameter, &exchange);
  auto refusal = refuse_early(connection, exchange);
  return refusal ? answer(impl, connection, exchange, std::move(*refusal)) : MHD_YES;
}

MHD_Result take_body(Exchange& exchange, const char* bytes, std::size_t* size) {
  std::string& body = exchange.request.body;
  exchange.too_large = exchange.too_large || body.size() + *size > exchange.body_bytes_max;
  if (!exchange.too_large) body.append(bytes, *size);
  *size = 0;
  return MHD_YES;
}

Response handle(const Impl& impl, const Exchange& exchange) {
  if (exchange.too_large) {
    return error_response(413, "body_too_large",
                          "the body is larger than the " + std::to_string(exchange.body_bytes_max) +
                              " bytes this route takes");
  }
  try {
    return impl.options.handle(exchange.request);
  } catch (const std::exception& error) {
    return error_response(500, "internal", std::string("an error in evmesh: ") + error.what());
  }
}

MHD_Result on_request(void* data, MHD_Connection* connection, const char* url, const char* method,
                      const char*, const char* bytes, std::size_t* size, void** state) {
  auto& impl = *static_cast<Impl*>(data);
  if (*state == nullptr) {
    auto* exchange = new Exchange();  // owned by the connection until on_completed
    *state = exchange;
    return begin(impl, connection, url, method, *exchange);
  }
  auto& exchange = *static_cast<Exchange*>(*state);
  if (*size != 0) return take_body(exchange, bytes, size);
  impl.watch.allow(fd_of(connection), impl.options.answer_time);
  return answer(impl, connection, exchange, handle(impl, exchange));
}

void on_completed(void* data, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
  auto& impl = *static_cast<Impl*>(data);
  impl.watch.allow(fd_of(connection), impl.options.header_time);
  const std::unique_ptr<Exchange> exchange(static_cast<Exchange*>(std::exchange(*state, nullptr)));
  if (exchange && exchange->afterwards) exchange->afterwards();
}

void on_connection(void* data, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode what) {
  auto& impl = *static_cast<Impl*>(data);
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    impl.watch.allow(fd_of(connection), impl.options.header_time);
  } else {
    impl.watch.closed(fd_of(connection));
  }
}

void keep_quiet(void*, const char*, va_list) {}

}  // namespace

HttpDaemon::HttpDaemon(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpDaemon::~HttpDaemon() = default;

std::uint64_t HttpDaemon::connections_ended() const { return impl_->watch.ended(); }

Result<std::unique_ptr<HttpDaemon>> HttpDaemon::start(Options options, std::unique_ptr<UnixSocket> socket) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(socket));
  const unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
                         MHD_USE_ITC | MHD_USE_ERROR_LOG;
  impl->daemon = MHD_start_daemon(
      flags, 0, nullptr, nullptr, &on_request, impl.get(),  //
      MHD_OPTION_EXTERNAL_LOGGER, &keep_quiet, nullptr,     //
      MHD_OPTION_LISTEN_SOCKET, static_cast<MHD_socket>(impl->socket->fd()),
      MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(impl->options.connections_max),
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, header_bytes_max,
      MHD_OPTION_UNESCAPE_CALLBACK, &keep_escapes, nullptr,  //
      MHD_OPTION_NOTIFY_COMPLETED, &on_completed, impl.get(),
      MHD_OPTION_NOTIFY_CONNECTION, &on_connection, impl.get(),  //
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
  if (impl->daemon == nullptr)
    return fail(ErrorCode::cannot_bind, "the HTTP server of the admin socket cannot start");
  // From here the library closes the socket itself.
  static_cast<void>(impl->socket->release());
  return std::unique_ptr<HttpDaemon>(new HttpDaemon(std::move(impl)));
}

}  // namespace evmesh::admin
