#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include <tl/expected.hpp>

#include "common/exit_code.hpp"
#include "common/http_client.hpp"
#include "evmesh-maildir/state_log.hpp"

namespace evmesh::maildir {

/// Why a batch was not told, and what that means for the program.
struct Trouble {
  enum class Where : std::uint8_t {
    state,    ///< the state directory: may pass when somebody makes room
    node,     ///< the node cannot be reached or cannot take more: will pass
    refused,  ///< the node will never take it, or standard output is closed: the program ends
  };
  Where where = Where::refused;
  peers::Failure failure;  ///< what to say and how to end when waiting is over
};

/// Where batches go. Thread-bound to its user.
class Dispatcher {
 public:
  Dispatcher() = default;
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;
  virtual ~Dispatcher() = default;

  /// Ok is the receipt: the batch was taken as a whole. After any trouble it may have been taken all the
  /// same, and the same batch is given again: at least once.
  [[nodiscard]] virtual tl::expected<void, Trouble> dispatch(const Batch& batch) = 0;
};

/// `{"event":{...},"keys":["MailboxId:..."]}`.
[[nodiscard]] std::string request_item(const OutgoingEvent& event);

/// The body of the request: `[{"event":{...},"keys":["MailboxId:..."]},...]`.
[[nodiscard]] std::string request_body(const Batch& batch);

/// What an answer to a dispatch means: 2xx is the receipt; 408, 425, 429 and 5xx pass (507: its disk is
/// full); any other is for ever, with exit code 77 for 401 and 403 and 65 for the rest.
[[nodiscard]] tl::expected<void, Trouble> judge(const peers::HttpResponse& response,
                                                const peers::ServerAddress& server);

/// Dispatches through the admin surface of a node: `POST /api/v1/events?bus=NAME`.
class NodeDispatcher final : public Dispatcher {
 public:
  struct Options {
    peers::ServerAddress server;
    std::string bus;  ///< `[A-Za-z0-9._$-]`
    std::chrono::milliseconds timeout{5'000};
    std::function<bool()> cancelled;  ///< ends a request under way; may be empty
  };
  explicit NodeDispatcher(Options options);

  [[nodiscard]] tl::expected<void, Trouble> dispatch(const Batch& batch) override;

 private:
  Options options_;
  peers::HttpClient client_;
};

/// Writes each event with its keys as one line, as `evmesh dispatch --file` reads it. The receipt is that the
/// lines were written.
class PrintDispatcher final : public Dispatcher {
 public:
  /// `fd` stays the caller's and must outlive the dispatcher.
  explicit PrintDispatcher(int fd) : fd_(fd) {}

  [[nodiscard]] tl::expected<void, Trouble> dispatch(const Batch& batch) override;

 private:
  int fd_;
};

}  // namespace evmesh::maildir
