#include "event/mailbox_types.hpp"

#include <algorithm>

#include <evmesh/mailbox.hpp>

namespace evmesh::event {
namespace {

template <std::size_t... Index>
mailbox::MailboxEvent make_blank(std::size_t index, std::index_sequence<Index...>) {
  using Maker = mailbox::MailboxEvent (*)();
  static constexpr Maker makers[] = {[] {
    return mailbox::MailboxEvent(std::in_place_index<Index>,
                                 Blank::make<std::variant_alternative_t<Index, mailbox::MailboxEvent>>());
  }...};
  return makers[index]();
}

}  // namespace

std::optional<std::size_t> mailbox_type_index(std::string_view type) {
  const auto found = std::ranges::find(mailbox_type_names, type);
  if (found == mailbox_type_names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - mailbox_type_names.begin());
}

mailbox::MailboxEvent blank_mailbox_event(std::size_t index) {
  return make_blank(index, std::make_index_sequence<mailbox_type_names.size()>{});
}

void lower_case_user(std::string& user) {
  for (char& c : user) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
}

}  // namespace evmesh::event

namespace evmesh::mailbox {

MailboxPath MailboxPath::personal(std::string_view user, std::string_view name) {
  return MailboxPath{.name = std::string(name), .name_space = "#private", .user = std::string(user)};
}

std::string_view to_string(SystemFlag flag) {
  switch (flag) {
    case SystemFlag::answered: return "Answered";
    case SystemFlag::deleted: return "Deleted";
    case SystemFlag::draft: return "Draft";
    case SystemFlag::flagged: return "Flagged";
    case SystemFlag::recent: return "Recent";
    case SystemFlag::seen: return "Seen";
  }
  return "unknown";
}

std::string_view to_string(QuotaScope scope) {
  switch (scope) {
    case QuotaScope::domain: return "Domain";
    case QuotaScope::global: return "Global";
    case QuotaScope::user: return "User";
  }
  return "unknown";
}

Messages by_uid(std::vector<MessageMetaData> messages) {
  Messages result;
  for (MessageMetaData& message : messages) {
    const Uid uid = message.uid;
    result.insert_or_assign(uid, std::move(message));
  }
  return result;
}

}  // namespace evmesh::mailbox
