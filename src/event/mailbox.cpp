#include <algorithm>
#include <iterator>

#include <evmesh/codec.hpp>
#include <evmesh/mailbox.hpp>

#include "base/text.hpp"
#include "event/mailbox_binary.hpp"
#include "event/mailbox_body.hpp"
#include "event/mailbox_json.hpp"
#include "event/mailbox_size.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::event {

bool MailboxBody::noop() const { return mailbox::noop(event_); }

std::optional<std::uint64_t> MailboxBody::encoded_bytes_max() const { return mailbox_bytes_max(event_); }

EventBody::Encoded MailboxBody::encode(PayloadFormat preferred) const {
  Encoded encoded;
  if (preferred == PayloadFormat::json) {
    encoded.format = PayloadFormat::json;
    append_mailbox_json(encoded.bytes, event_);
  } else {
    encoded.format = PayloadFormat::binary;
    append_mailbox_binary(encoded.bytes, event_);
  }
  return encoded;
}

}  // namespace evmesh::event

namespace evmesh::mailbox {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

bool same_flags(const Flags& left, const Flags& right) {
  return left.system == right.system && left.user == right.user;
}

bool unchanged(const UpdatedFlags& update) { return same_flags(update.old_flags, update.new_flags); }

std::vector<std::string> sorted(std::vector<std::string> ids) {
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

/// The mailboxes that gained or lost the messages, sorted; one that had them before and after did neither.
std::vector<std::string> moved_mailboxes(const MessageMove& move) {
  std::vector<std::string> changed;
  std::ranges::set_symmetric_difference(sorted(move.previous_mailbox_ids), sorted(move.target_mailbox_ids),
                                        std::back_inserter(changed));
  return changed;
}

std::vector<std::string> concerned_mailboxes(const MailboxEvent& event) {
  return std::visit(Overloaded{[](const MessageMove& move) { return moved_mailboxes(move); },
                               [](const QuotaUsageUpdated&) { return std::vector<std::string>{}; },
                               [](const MessageContentDeletion&) { return std::vector<std::string>{}; },
                               [](const auto& other) { return std::vector<std::string>{other.mailbox_id}; }},
                    event);
}

/// Gives a fresh id where there is none and user names their one form.
void complete(MailboxEvent& event) {
  std::visit(
      [](auto& value) {
        if (value.event_id.nil()) value.event_id = EventId::fresh();
        event::lower_case_user(value.user);
        if constexpr (requires { value.path; }) event::lower_case_user(value.path.get().user);
        if constexpr (requires { value.new_path; }) event::lower_case_user(value.new_path.get().user);
      },
      event);
}

Timestamp natural_time(const MailboxEvent& event) {
  const auto* quota = std::get_if<QuotaUsageUpdated>(&event);
  return quota ? std::chrono::floor<std::chrono::microseconds>(quota->time.get()) : Timestamp{};
}

}  // namespace

std::string_view type_name(const MailboxEvent& event) { return event::mailbox_type_names[event.index()]; }

bool is_mailbox_type(std::string_view type) { return event::mailbox_type_index(type).has_value(); }

bool noop(const MailboxEvent& event) {
  return std::visit(Overloaded{[](const MailboxRenamed& renamed) { return renamed.path == renamed.new_path; },
                               [](const MailboxACLUpdated& updated) {
                                 return updated.acl_diff->old_acl == updated.acl_diff->new_acl;
                               },
                               [](const Added& added) { return added.added->empty(); },
                               [](const Expunged& expunged) { return expunged.expunged->empty(); },
                               [](const FlagsUpdated& updated) {
                                 return std::ranges::all_of(*updated.updated_flags, unchanged);
                               },
                               [](const MessageMove& move) { return move.message_ids->empty(); },
                               [](const auto&) { return false; }},
                    event);
}

Result<std::vector<RegistrationKey>> registration_keys(const MailboxEvent& event) {
  std::vector<RegistrationKey> keys;
  for (const std::string& id : concerned_mailboxes(event)) {
    auto key = RegistrationKey::make("MailboxId", id);
    if (!key) return tl::unexpected(std::move(key.error()));
    keys.push_back(std::move(*key));
  }
  return keys;
}

Event make_event(MailboxEvent event, Envelope envelope) {
  complete(event);
  EventFields fields;
  fields.type = type_name(event);
  std::visit(
      [&fields](const auto& value) {
        fields.id = value.event_id;
        fields.user = value.user;
      },
      event);
  fields.time = envelope.time == Timestamp{} ? natural_time(event) : envelope.time;
  fields.format = PayloadFormat::binary;
  fields.headers = std::move(envelope.headers);
  fields.body = std::make_shared<event::MailboxBody>(std::move(event));
  return Event(std::move(fields));
}

const MailboxEvent* peek(const Event& event) {
  const auto* body = dynamic_cast<const event::MailboxBody*>(event.body().get());
  return body ? &body->event() : nullptr;
}

Result<MailboxEvent> from_event(const Event& event) {
  if (const MailboxEvent* held = peek(event)) return *held;
  if (!is_mailbox_type(event.type())) {
    return fail(ErrorCode::undecodable, base::quoted(event.type()) + " is no type of mailbox event");
  }
  if (event.body() || event.format() == PayloadFormat::raw) {
    return fail(ErrorCode::undecodable,
                base::quoted(event.type()) + " has a payload of the application's own making");
  }
  auto decoded = event.format() == PayloadFormat::json ? event::decode_mailbox_json(event.payload())
                                                       : event::decode_mailbox_binary(event.payload());
  if (decoded && type_name(*decoded) != event.type()) {
    return fail(ErrorCode::undecodable, "the event is of type " + base::quoted(event.type()) +
                                            ", its payload of type " + base::quoted(type_name(*decoded)));
  }
  return decoded;
}

Result<std::string> encode_json(const Event& event) {
  if (!peek(event) && event.format() != PayloadFormat::json && !is_mailbox_type(event.type())) {
    return fail(ErrorCode::not_supported, "the payload of " + base::quoted(event.type()) + " is " +
                                              std::string(to_string(event.format())) +
                                              ", which has no JSON form");
  }
  if (auto checked = event.check(UINT64_MAX); !checked) return tl::unexpected(std::move(checked.error()));
  auto payload = payload_as(event, PayloadFormat::json);
  if (!payload) return tl::unexpected(std::move(payload.error()));
  if (payload->format == PayloadFormat::json) return std::move(payload->bytes);
  return fail(ErrorCode::not_supported, "the payload of " + base::quoted(event.type()) + " has no JSON form");
}

}  // namespace evmesh::mailbox
