#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <evmesh/ids.hpp>
#include <evmesh/result.hpp>

namespace evmesh {

/// How payload bytes are to be read. Travels with every event.
enum class PayloadFormat : std::uint8_t {
  raw = 0,     ///< the application's own bytes
  json = 1,    ///< UTF-8 JSON
  binary = 2,  ///< evmesh's compact form of a mailbox event
};

[[nodiscard]] std::string_view to_string(PayloadFormat format);

/// UTC with microseconds, as events carry it.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

/// Free names and values that travel with an event, for example `traceparent`. At most 32, at most 8 KiB
/// together.
using Headers = std::map<std::string, std::string>;

/// A typed event held in memory, encoded only when somebody outside this process needs it. Implement it to
/// dispatch your own types; immutable once handed to an `Event`, because several threads read it. Thread-safe
/// for reading. Listeners of the dispatching node get the body itself; listeners of other nodes get the bytes
/// of `encode` as payload and no body. An exception that leaves one of these functions refuses the event with
/// `invalid_argument`.
class EventBody {
 public:
  EventBody() = default;
  EventBody(const EventBody&) = delete;
  EventBody& operator=(const EventBody&) = delete;
  virtual ~EventBody() = default;

  /// True when nothing happened; such events reach nobody.
  [[nodiscard]] virtual bool noop() const { return false; }

  /// The bytes for the wire, in `preferred` or in `raw`; says in `format` which.
  struct Encoded {
    PayloadFormat format = PayloadFormat::raw;
    std::string bytes;
  };
  [[nodiscard]] virtual Encoded encode(PayloadFormat preferred) const = 0;

  /// What `encode` gives in any format has no more bytes than this; empty: not known. A node of the mesh
  /// holds the encoded bytes against the limit on events, so it encodes every body whose bound is unknown or
  /// above the limit, also when no peer needs it. A mono node never encodes, and bodies have no limit there.
  [[nodiscard]] virtual std::optional<std::uint64_t> encoded_bytes_max() const { return std::nullopt; }
};

/// What an event is made of. `id` nil means a fresh one, `time` zero means now.
struct EventFields {
  EventId id{};
  std::string type{};  ///< 1 to 255 bytes of UTF-8 without control characters; the name on the wire
  std::string user{};  ///< who caused it; 0 to 255 bytes of UTF-8 without control characters
  Timestamp time{};
  PayloadFormat format = PayloadFormat::raw;
  std::string payload{};  ///< any bytes; empty when `body` is given
  Headers headers{};
  std::shared_ptr<const EventBody>
      body{};  ///< shared because every listener and the encoder read it; may be null
};

/// An immutable fact. Copying shares, so events are cheap to pass and to keep. Value, thread-safe.
/// The constructor accepts anything; `dispatch` refuses what breaks a rule above (`check`). Payload and
/// headers together have at most `NodeOptions::event_size_bytes_max` bytes, 1 MiB unless told otherwise,
/// whoever listens; in the mesh a body counts with its encoded bytes.
class Event {
 public:
  explicit Event(EventFields fields);

  [[nodiscard]] const EventId& id() const { return fields_->id; }
  [[nodiscard]] const std::string& type() const { return fields_->type; }
  [[nodiscard]] const std::string& user() const { return fields_->user; }
  [[nodiscard]] Timestamp time() const { return fields_->time; }
  [[nodiscard]] const Headers& headers() const { return fields_->headers; }
  [[nodiscard]] PayloadFormat format() const { return fields_->format; }

  /// The bytes as they came or were given; empty for an event that was made from a body in this process.
  /// `payload_as` (codec.hpp) gives bytes for every event.
  [[nodiscard]] const std::string& payload() const { return fields_->payload; }
  [[nodiscard]] const std::shared_ptr<const EventBody>& body() const { return fields_->body; }

  /// What a listener works with: the body of an event that was dispatched as an object in this process; else what the
  /// node's decoder for this type (`NodeOptions::decoders`) made of the payload, once for all listeners of the
  /// event. Null when there is neither, and when the payload could not be decoded (`undecodable`).
  [[nodiscard]] std::shared_ptr<const EventBody> object() const { return object_ ? object_->made : fields_->body; }

  /// The same as a `T`; null also when it is another class.
  template <class T>
  [[nodiscard]] std::shared_ptr<const T> as() const {
    return std::dynamic_pointer_cast<const T>(object());
  }

  /// Why the payload could not be decoded; empty when it was, or when there is no decoder for this type.
  [[nodiscard]] std::optional<Error> undecodable() const { return object_ ? object_->error : std::nullopt; }

  /// What the body says, and false without one: a payload is carried and never looked into, not even that of
  /// a mailbox event (`mailbox::from_event` and `make_event` turn it into a body). Throws what the body
  /// throws; `dispatch` does not.
  [[nodiscard]] bool noop() const { return fields_->body && fields_->body->noop(); }

  /// `invalid_argument` or `event_too_large`, naming the field; else nothing. `size_bytes_max` bounds payload
  /// plus headers; a body counts nothing here.
  [[nodiscard]] Result<void> check(std::uint64_t size_bytes_max) const;

  /// Field by field; bodies compare by their binary encoding.
  bool operator==(const Event& other) const;

 private:
  using Decoder = std::function<Result<std::shared_ptr<const EventBody>>(const Event&)>;
  friend Event decoded(const Event& event, const Decoder& decoder);

  /// What a decoder came to.
  struct Object {
    std::shared_ptr<const EventBody> made;  // shared with the listeners that keep it
    std::optional<Error> error;
  };

  std::shared_ptr<const Object> object_{};  // shared: all copies have the same; null: not decoded
  std::shared_ptr<const EventFields> fields_;  // shared: immutable, and copies must be cheap
};

}  // namespace evmesh
