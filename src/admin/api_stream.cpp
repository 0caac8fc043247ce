// The route that shows events as they come.
#include <utility>

#include "admin/answers.hpp"
#include "admin/api.hpp"
#include "admin/query.hpp"

namespace evmesh::admin {

/// A stream under way: as long as the connection holds it, its listener is registered.
class Api::Follower final : public BodySource {
 public:
  Follower(Api& api, std::shared_ptr<StreamBuffer> buffer) : api_(api), buffer_(std::move(buffer)) {}

  ~Follower() override {
    buffer_->close();
    registration_.unregister();
    api_.streams_open_.fetch_sub(1);
  }

  void hold(Registration registration) {
    registration_ = std::move(registration);
    first_line_ = registered_json(registration_.receipt());
  }

  std::optional<std::string> next(std::size_t bytes_max) override {
    // The first line waits alone, so that a client knows from when on it hears.
    if (first_line_.empty()) return buffer_->pop(bytes_max, api_.options_.keep_alive);
    std::string piece = first_line_.substr(0, bytes_max);
    first_line_.erase(0, bytes_max);
    return piece;
  }

 private:
  Api& api_;
  const std::shared_ptr<StreamBuffer> buffer_;
  Registration registration_;
  std::string first_line_;
};

void Api::close_streams() {
  const std::lock_guard lock(mutex_);
  streams_closed_ = true;
  for (const auto& stream : streams_) {
    if (const auto buffer = stream.lock()) buffer->close();
  }
}

Response Api::stream(const Request& request) {
  const auto query = Query::read(request.query, {"bus", "each_node", "type"}, {"key"});
  if (!query) return error_response(query.error());
  const auto each_node = query->flag("each_node");
  if (!each_node) return error_response(each_node.error());
  std::vector<RegistrationKey> keys;
  for (const std::string& text : query->all("key")) {
    auto key = RegistrationKey::parse(text);
    if (!key) return error_response(key.error());
    keys.push_back(std::move(*key));
  }
  if (keys.empty() != *each_node) {
    return error_response(400, "invalid_argument", "a stream has either keys or each_node=1",
                          "add key=Type:value, once or more, or each_node=1");
  }
  const auto bus = bus_of(node_, query->text("bus"));
  if (!bus) return error_response(bus.error());

  if (streams_open_.fetch_add(1) >= options_.streams_max) {
    streams_open_.fetch_sub(1);
    return error_response(503, "too_many_streams",
                          "all " + std::to_string(options_.streams_max) + " streams of this node are in use",
                          "end another evmesh listen first");
  }
  auto buffer = std::make_shared<StreamBuffer>(options_.stream_bytes_max, lines_dropped_);
  auto follower = std::make_shared<Follower>(*this, buffer);
  {
    const std::lock_guard lock(mutex_);
    if (streams_closed_) return error_response({ErrorCode::closed, "the node is stopping"});
    streams_.remove_if([](const auto& stream) { return stream.expired(); });
    streams_.push_back(buffer);
  }
  auto listener = make_stream_listener(buffer, {(*bus)->name(), query->text("type").value_or("")});
  auto registered = *each_node ? (*bus)->register_each_node(std::move(listener))
                               : (*bus)->register_listener(std::move(listener), keys);
  if (!registered) return error_response(registered.error());
  follower->hold(std::move(*registered));
  Response response;
  response.source = std::move(follower);
  return response;
}

}  // namespace evmesh::admin
