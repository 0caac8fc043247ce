#include "common/http_client.hpp"

#include <algorithm>
#include <utility>

#include <curl/curl.h>
#include <nlohmann/json.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"

namespace evmesh::peers {
namespace {

constexpr std::size_t body_bytes_max = 64 * limits::mib;
constexpr std::size_t shown_body_chars = 200;

struct HeaderList {
  explicit HeaderList(const std::vector<std::string>& headers) {
    for (const std::string& header : headers) list = curl_slist_append(list, header.c_str());
  }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list); }

  curl_slist* list = nullptr;
};

/// One request under way; libcurl's callbacks get a pointer to it.
struct Exchange {
  const HttpRequest& request;
  HttpResponse response;

  bool take(std::string_view piece) {
    if (request.on_data) return request.on_data(piece);
    if (response.body.size() + piece.size() > body_bytes_max) return false;
    response.body.append(piece);
    return true;
  }
};

std::size_t on_body(char* bytes, std::size_t size, std::size_t count, void* exchange) {
  const std::string_view piece(bytes, size * count);
  return static_cast<Exchange*>(exchange)->take(piece) ? piece.size() : 0;
}

int on_progress(void* exchange, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const HttpRequest& request = static_cast<Exchange*>(exchange)->request;
  return request.cancelled && request.cancelled() ? 1 : 0;
}

HttpFailure::Kind kind_of(CURLcode code, const HttpRequest& request) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST: return HttpFailure::Kind::unreachable;
    case CURLE_OPERATION_TIMEDOUT: return HttpFailure::Kind::timed_out;
    case CURLE_ABORTED_BY_CALLBACK: return HttpFailure::Kind::cancelled;
    case CURLE_WRITE_ERROR: return request.on_data ? HttpFailure::Kind::cancelled : HttpFailure::Kind::broken;
    default: return HttpFailure::Kind::broken;
  }
}

/// `object[name]` when it is text, else nothing.
std::string text_member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<ServerAddress> ServerAddress::parse(std::string_view text) {
  if (text.starts_with("http://") || text.starts_with("https://")) {
    return ServerAddress{{}, std::string(text.substr(0, text.find_last_not_of('/') + 1))};
  }
  const std::string_view path = text.starts_with("unix:") ? text.substr(5) : text;
  // A path with a scheme in it is a mistake, not a file.
  if (path.empty() || path.find("://") != std::string_view::npos) {
    return fail(ErrorCode::invalid_argument,
                base::quoted(text) + " is no server; write unix:/PATH/admin.sock or http://HOST:PORT");
  }
  if (path.size() > limits::unix_path_bytes_max) {
    return fail(ErrorCode::invalid_argument, "socket path " + base::quoted(path) + " has " +
                                                 std::to_string(path.size()) +
                                                 " bytes; 107 is the most a UNIX socket can have");
  }
  return ServerAddress{std::string(path), "http://localhost"};
}

std::string ServerAddress::to_string() const { return socket.empty() ? origin : "unix:" + socket; }

ApiError parse_api_error(const HttpResponse& response) {
  const auto json = nlohmann::json::parse(response.body, nullptr, false);
  if (json.is_object() && json.contains("error") && json["error"].is_object()) {
    const auto& error = json["error"];
    ApiError read{text_member(error, "code"), text_member(error, "message"), text_member(error, "hint")};
    if (!read.message.empty()) return read;
  }
  return {{},
          "HTTP " + std::to_string(response.status) + ' ' + base::escaped(response.body, shown_body_chars),
          {}};
}

struct HttpClient::Curl {
  CURL* easy = curl_easy_init();

  Curl() = default;
  Curl(const Curl&) = delete;
  Curl& operator=(const Curl&) = delete;
  ~Curl() { curl_easy_cleanup(easy); }

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy, option, value);
  }
};

HttpClient::HttpClient(ServerAddress address)
    : address_(std::move(address)), curl_(std::make_unique<Curl>()) {}
HttpClient::~HttpClient() = default;

tl::expected<HttpResponse, HttpFailure> HttpClient::send(const HttpRequest& request) {
  const auto failed = [&](HttpFailure::Kind kind, const char* why) {
    return tl::unexpected(HttpFailure{kind, address_.to_string() + ": " + why});
  };
  if (curl_->easy == nullptr) return failed(HttpFailure::Kind::broken, "libcurl has no memory");

  std::vector<std::string> lines{"Content-Type: application/json", "Expect:"};
  lines.insert(lines.end(), request.headers.begin(), request.headers.end());
  const HeaderList headers(lines);
  const std::string url = address_.origin + request.target;
  Exchange exchange{request, {}};

  curl_easy_reset(curl_->easy);  // keeps the connection
  curl_->set(CURLOPT_URL, url.c_str());
  if (!address_.socket.empty()) curl_->set(CURLOPT_UNIX_SOCKET_PATH, address_.socket.c_str());
  curl_->set(CURLOPT_PROXY, "");
  curl_->set(CURLOPT_NOSIGNAL, 1L);
  curl_->set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (!request.body.empty() || request.method == "POST") {
    curl_->set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_->set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  curl_->set(CURLOPT_HTTPHEADER, headers.list);
  curl_->set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_->set(CURLOPT_WRITEFUNCTION, &on_body);
  curl_->set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
  curl_->set(CURLOPT_NOPROGRESS, 0L);
  curl_->set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_->set(CURLOPT_XFERINFODATA, static_cast<void*>(&exchange));

  const CURLcode code = curl_easy_perform(curl_->easy);
  if (code != CURLE_OK) return failed(kind_of(code, request), curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace evmesh::peers
