// The route that shows events as they come.
#include <chrono>
#include <utility>

#include "base/text.hpp"

#include "admin/answers.hpp"
#include "admin/api.hpp"
#include "admin/query.hpp"

namespace evmesh::admin {

namespace {

/// Events of a group that are out at the same time on one stream, at most.
constexpr std::uint64_t group_concurrency_max = 64;

/// A stream whose reader has gone ends within this, once it is written to.
constexpr std::chrono::milliseconds group_takeover{1'000};

}  // namespace

/// A stream under way: as long as the connection holds it, its listener is registered.
class Api::Follower final : public BodySource {
 public:
  Follower(Api& api, std::size_t bytes_max)
      : api_(api), buffer_(std::make_shared<StreamBuffer>(bytes_max, api.lines_dropped_)) {}

  ~Follower() override {
    buffer_->close();
    if (group_) {
      end_group();
    } else {
      registration_.unregister();
    }
    api_.streams_open_.fetch_sub(1);
  }

  [[nodiscard]] const std::shared_ptr<StreamBuffer>& buffer() const { return buffer_; }

  void hold(Registration registration) {
    registration_ = std::move(registration);
    first_line_ = registered_json(registration_.receipt());
  }

  /// The same for a group; with `temporary`, its name, it ends with the stream.
  void hold(Registration registration, std::shared_ptr<GroupStream> stream, const Group& group,
            bool temporary) {
    group_ = std::move(stream);
    temporary_ = temporary ? std::optional(group) : std::nullopt;
    place_ = {group_->bus(), group.to_string()};
    hold(std::move(registration));
    const std::lock_guard lock(api_.mutex_);
    api_.streamed_groups_.insert(place_);
  }

  std::optional<std::string> next(std::size_t bytes_max) override {
    // The first line waits alone, so that a client knows from when on it hears.
    if (first_line_.empty()) return buffer_->pop(bytes_max, api_.options_.keep_alive);
    std::string piece = first_line_.substr(0, bytes_max);
    first_line_.erase(0, bytes_max);
    return piece;
  }

 private:
  /// What a group was still owed stays owed when its listener is only destroyed; nobody waits for that of a
  /// temporary one, unless another node runs it by now.
  void end_group() {
    group_->close();
    registration_ = Registration();
    if (temporary_) static_cast<void>(api_.node_.mesh_work().remove(group_->bus(), *temporary_, true));
    const std::lock_guard lock(api_.mutex_);
    api_.streamed_groups_.erase(place_);
    api_.group_ended_.notify_all();
  }

  Api& api_;
  const std::shared_ptr<StreamBuffer> buffer_;  // shared with the listener
  std::shared_ptr<GroupStream> group_;          // shared with the bus; null for keys and each-node
  std::optional<Group> temporary_;
  std::pair<std::string, std::string> place_;  // of the group
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

tl::expected<std::shared_ptr<Api::Follower>, Response> Api::open_stream(std::size_t bytes_max) {
  // Counted first: what is returned or destroyed below counts back.
  if (streams_open_.fetch_add(1) >= options_.streams_max) {
    streams_open_.fetch_sub(1);
    return tl::unexpected(
        error_response(503, "too_many_streams",
                       "all " + std::to_string(options_.streams_max) + " streams of this node are in use",
                       "end another evmesh listen first"));
  }
  auto follower = std::make_shared<Follower>(*this, bytes_max);
  const std::lock_guard lock(mutex_);
  if (streams_closed_) return tl::unexpected(error_response({ErrorCode::closed, "the node is stopping"}));
  streams_.remove_if([](const auto& stream) { return stream.expired(); });
  streams_.push_back(follower->buffer());
  return follower;
}

Response Api::stream(const Request& request) {
  const auto query =
      Query::read(request.query, {"bus", "each_node", "type", "group", "durable", "concurrency"}, {"key"});
  if (!query) return error_response(query.error());
  const auto bus = bus_of(node_, query->text("bus"));
  if (!bus) return error_response(bus.error());
  return query->text("group") ? follow_group(**bus, *query) : follow(**bus, *query);
}

Response Api::follow(EventBus& bus, const Query& query) {
  const auto each_node = query.flag("each_node");
  if (!each_node) return error_response(each_node.error());
  std::vector<RegistrationKey> keys;
  for (const std::string& text : query.all("key")) {
    auto key = RegistrationKey::parse(text);
    if (!key) return error_response(key.error());
    keys.push_back(std::move(*key));
  }
  const bool of_group = query.text("durable") || query.text("concurrency");
  if (keys.empty() != *each_node || of_group) {
    return error_response(400, "invalid_argument", "a stream has either keys, or each_node=1, or a group",
                          "add key=Type:value, once or more, or each_node=1, or group=NAME");
  }
  auto follower = open_stream(options_.stream_bytes_max);
  if (!follower) return std::move(follower.error());
  auto listener = make_stream_listener((*follower)->buffer(), {bus.name(), query.text("type").value_or("")});
  auto registered = *each_node ? bus.register_each_node(std::move(listener))
                               : bus.register_listener(std::move(listener), keys);
  if (!registered) return error_response(registered.error());
  (*follower)->hold(std::move(*registered));
  Response response;
  response.source = std::move(*follower);
  return response;
}

Response Api::follow_group(EventBus& bus, const Query& query) {
  if (query.text("each_node") || !query.all("key").empty()) {
    return error_response(400, "invalid_argument", "a stream of a group has no keys and no each_node");
  }
  const auto group = Group::parse(*query.text("group"));
  if (!group) return error_response(group.error());
  const auto durable = query.flag("durable");
  if (!durable) return error_response(durable.error());
  const auto concurrency = query.number("concurrency", 1, 1, group_concurrency_max);
  if (!concurrency) return error_response(concurrency.error());
  const auto known = node_.group_work().group(bus.name(), *group);
  const bool required = known && known->required;

  // Room for all that is out at once, each twice as long as its event: none of it may be dropped.
  auto follower = open_stream(options_.event_size_bytes_max * 4 * *concurrency + options_.stream_bytes_max);
  if (!follower) return std::move(follower.error());
  auto listener = std::make_shared<GroupStream>(deliveries_, (*follower)->buffer(),
                                                StreamFilter{bus.name(), query.text("type").value_or("")});
  GroupOptions options;
  options.concurrency = static_cast<std::uint32_t>(*concurrency);
  auto registered = register_group(bus, *group, listener, options);
  if (!registered) return error_response(registered.error());
  (*follower)->hold(std::move(*registered), std::move(listener), *group, !*durable && !required);
  Response response;
  response.source = std::move(*follower);
  return response;
}

/// A stream whose reader has gone must not stand in the way of the next: it ends when it is written to.
Result<Registration> Api::register_group(EventBus& bus, const Group& group,
                                         const std::shared_ptr<Listener>& listener,
                                         const GroupOptions& options) {
  const std::pair place(bus.name(), group.to_string());
  {
    std::unique_lock lock(mutex_);
    for (const auto& stream : streams_) {
      const auto buffer = stream.lock();
      if (buffer && streamed_groups_.contains(place)) buffer->probe();
    }
    group_ended_.wait_for(lock, group_takeover, [&] { return !streamed_groups_.contains(place); });
  }
  return bus.register_listener(listener, group, options);
}

/// What a program says of an event of its group stream.
Response Api::answer_delivery(const Request& request, const std::string& number) {
  const auto query = Query::read(request.query, {"outcome", "reason"});
  if (!query) return error_response(query.error());
  if (auto refusal = refuse_content(request)) return std::move(*refusal);
  const Query::Values path{{"delivery", number}};
  const auto delivery = Query::read(path, {"delivery"})->number("delivery", 0, 1, UINT64_MAX);
  if (!delivery) return error_response(delivery.error());
  const std::string word = query->text("outcome").value_or("");
  const std::string reason = query->text("reason").value_or("");
  Outcome outcome;
  if (word == "retry") outcome = Outcome::retry_after(std::chrono::milliseconds{0}, reason);
  if (word == "refused") outcome = Outcome::refuse(reason);
  if (word != "done" && word != "retry" && word != "refused") {
    return error_response(400, "invalid_argument",
                          "outcome=" + base::quoted(word) + " must be done, retry or refused");
  }
  if (deliveries_->answer(*delivery, std::move(outcome))) return {204, ""};
  return error_response({ErrorCode::not_found, "nobody waits for an answer to delivery " + number +
                                                   ": its time is over, or its stream has ended"});
}

}  // namespace evmesh::admin
