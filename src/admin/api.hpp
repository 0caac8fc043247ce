#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include <evmesh/node.hpp>

#include "admin/group_stream.hpp"
#include "admin/http.hpp"
#include "admin/query.hpp"
#include "admin/routes.hpp"
#include "admin/stream.hpp"

namespace evmesh::admin {

/// The routes of the admin surface over one node. Thread-safe.
class Api {
 public:
  struct Options {
    std::uint64_t event_size_bytes_max = 1 << 20;  ///< of one event; the event route takes 1.4 times that
    std::size_t streams_max = 32;
    std::size_t stream_bytes_max = 4 << 20;  ///< lines that wait for one slow reader
    std::chrono::milliseconds keep_alive{5'000};  ///< an empty line this often on a silent stream
    std::function<void()> on_leave;  ///< called after the answer to POST /api/v1/node/leave
    std::function<std::map<std::string, std::uint64_t>()> counters;  ///< shown with the node's; may be empty
  };

  /// `node` outlives this object.
  Api(Node& node, Options options);
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  [[nodiscard]] Response answer(const Request& request);
  [[nodiscard]] std::size_t body_bytes_max(std::string_view method, std::string_view path) const;

  /// Ends all streams and refuses new ones. Idempotent.
  void close_streams();

 private:
  class Follower;
  friend class Follower;

  void add_routes();
  [[nodiscard]] Response health(const Request& request) const;
  [[nodiscard]] Response ready(const Request& request) const;
  [[nodiscard]] Response node(const Request& request) const;
  [[nodiscard]] Response leave(const Request& request) const;
  [[nodiscard]] Response members(const Request& request) const;
  [[nodiscard]] Response member(const Request& request, const std::string& name) const;
  [[nodiscard]] Response forget(const Request& request, const std::string& name);
  [[nodiscard]] Response keys(const Request& request) const;
  [[nodiscard]] Response explain(const Request& request) const;
  [[nodiscard]] Response dispatch(const Request& request);
  [[nodiscard]] Response seen(const Request& request) const;
  [[nodiscard]] Response stream(const Request& request);
  [[nodiscard]] Response follow(EventBus& bus, const Query& query);
  [[nodiscard]] Response follow_group(EventBus& bus, const Query& query);
  [[nodiscard]] tl::expected<std::shared_ptr<Follower>, Response> open_stream(std::size_t bytes_max);
  [[nodiscard]] Result<Registration> register_group(EventBus& bus, const Group& group,
                                                    const std::shared_ptr<Listener>& listener,
                                                    const GroupOptions& options);
  [[nodiscard]] Response answer_delivery(const Request& request, const std::string& number);

  Node& node_;
  const Options options_;
  Routes routes_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> lines_dropped_{0};
  const std::shared_ptr<Deliveries> deliveries_ = std::make_shared<Deliveries>();  // shared with listeners
  std::mutex mutex_;  // guards all below
  std::condition_variable group_ended_;
  std::list<std::weak_ptr<StreamBuffer>> streams_;
  std::set<std::pair<std::string, std::string>> streamed_groups_;  // bus and group
  bool streams_closed_ = false;
  std::atomic<std::size_t> streams_open_{0};
};

/// The bus that `bus=` names, or the first.
[[nodiscard]] Result<EventBus*> bus_of(Node& node, const std::optional<std::string>& name);

/// Nothing when a request that takes no content has none (or an empty object); else the 400 or 415 to answer.
[[nodiscard]] std::optional<Response> refuse_content(const Request& request);

/// Nothing when the body calls itself JSON; else 415.
[[nodiscard]] std::optional<Response> refuse_other_types(const Request& request);

}  // namespace evmesh::admin
