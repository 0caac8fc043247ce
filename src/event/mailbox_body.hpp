#pragma once

#include <utility>

#include <evmesh/event.hpp>
#include <evmesh/mailbox/events.hpp>

namespace evmesh::event {

/// A mailbox event in memory, encoded when somebody asks.
class MailboxBody final : public EventBody {
 public:
  explicit MailboxBody(mailbox::MailboxEvent event) : event_(std::move(event)) {}

  [[nodiscard]] const mailbox::MailboxEvent& event() const { return event_; }
  [[nodiscard]] bool noop() const override;

  /// JSON when asked for, binary otherwise.
  [[nodiscard]] Encoded encode(PayloadFormat preferred) const override;
  [[nodiscard]] std::optional<std::uint64_t> encoded_bytes_max() const override;

 private:
  mailbox::MailboxEvent event_;
};

}  // namespace evmesh::event
