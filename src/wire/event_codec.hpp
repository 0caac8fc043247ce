#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/key.hpp>
#include <evmesh/result.hpp>

#include "wire/frames.hpp"

namespace evmesh::wire {

/// Appends `event` and its keys as they travel, to `out`. A body is encoded in `preferred` where it can be.
/// Keys are written sorted and once each.
void encode_event(const Event& event, std::span<const RegistrationKey> keys, PayloadFormat preferred,
                  std::string& out);

/// An event as it arrived.
struct ReceivedEvent {
  Event event;
  std::vector<RegistrationKey> keys;
};

/// Every field, checked as `Event::check` and `RegistrationKey::parse` do. The payload is copied, not
/// decoded.
[[nodiscard]] tl::expected<ReceivedEvent, DecodeError> decode_event(std::string_view bytes);

/// The keys alone, as views into `bytes`, for matching without decoding the rest. Checks lengths, not texts:
/// a text that is no key matches no listener.
[[nodiscard]] tl::expected<std::vector<std::string_view>, DecodeError> decode_keys(std::string_view bytes);

/// The same, appended to `out`; the count of them. On an error `out` is as it was.
[[nodiscard]] tl::expected<std::size_t, DecodeError> append_keys(std::string_view bytes,
                                                                 std::vector<std::string_view>& out);

/// Builds the bytes of a NOTIFY from events that are already encoded, without copying them twice.
class NotifyWriter {
 public:
  NotifyWriter(const Header& header, std::uint16_t bus, std::uint64_t after);

  /// `seq` ascends and is above `after`.
  void add(std::uint64_t seq, std::string_view event_bytes);

  /// How long the frame would be now.
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size(); }
  [[nodiscard]] std::size_t count() const { return count_; }

  /// Ends the frame with the interval's end (at least the last `seq`).
  [[nodiscard]] std::string finish(std::uint64_t to, bool start = false, bool report = false);

 private:
  std::uint64_t after_;
  std::uint64_t last_;  // number of the last event added, or after_
  std::uint32_t count_ = 0;
  std::string bytes_;
};

}  // namespace evmesh::wire
