#include "event/mailbox_binary.hpp"

#include <evmesh/mailbox.hpp>

#include "event/binary_archive.hpp"
#include "event/mailbox_check.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::event {
namespace {

constexpr std::size_t prefix_bytes = 2;

/// Position of the type whose number stands in the prefix.
std::size_t read_prefix(std::string_view bytes) {
  if (bytes.size() < prefix_bytes) throw Undecodable{"it is too short to name its version and type"};
  const auto version = static_cast<std::uint8_t>(bytes[0]);
  if (version != binary_version) {
    throw Undecodable{"it has format version " + std::to_string(version) + ", this build reads " +
                      std::to_string(binary_version)};
  }
  const auto number = static_cast<std::uint8_t>(bytes[1]);
  if (number == 0 || number > mailbox_type_names.size()) {
    throw Undecodable{"it has the type number " + std::to_string(number) + ", this build knows 1 to " +
                      std::to_string(mailbox_type_names.size())};
  }
  return number - 1U;
}

}  // namespace

void append_mailbox_binary(std::string& out, const mailbox::MailboxEvent& event) {
  out += static_cast<char>(binary_version);
  out += static_cast<char>(event.index() + 1);
  BinaryOutput archive(out);
  std::visit([&archive](const auto& value) { archive(value); }, event);
}

Result<mailbox::MailboxEvent> decode_mailbox_binary(std::string_view bytes) {
  try {
    mailbox::MailboxEvent event = blank_mailbox_event(read_prefix(bytes));
    BinaryInput archive(bytes.substr(prefix_bytes));
    std::visit([&archive](auto& value) { archive(value); }, event);
    archive.expect_end();
    if (auto checked = check_mailbox_event(event); !checked) {
      return fail(ErrorCode::undecodable, "binary mailbox event: " + checked.error().message);
    }
    return event;
  } catch (const Undecodable& refused) {
    return fail(ErrorCode::undecodable, "binary mailbox event: " + refused.message);
  }
}

}  // namespace evmesh::event
