#include <charconv>
#include <string>
#include <string_view>

#include <evmesh/mailbox.hpp>

#include "event/instant.hpp"
#include "event/mailbox_fields.hpp"
#include "event/mailbox_json.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::event {
namespace {

/// Writes the members of one object.
class MemberWriter {
 public:
  explicit MemberWriter(std::string& out) : out_(out) { out_ += '{'; }

  void close() { out_ += '}'; }

  template <class T>
  void member(std::string_view name, const T& value) {
    begin(name);
    put(value);
  }
  void user(std::string_view name, const mailbox::Required<std::string>& value) { member(name, value); }
  void user(std::string_view name, const std::optional<std::string>& value) { optional(name, value); }

  template <class T>
  void optional(std::string_view name, const std::optional<T>& value) {
    if (value) member(name, *value);
  }
  template <class T>
  void nullable(std::string_view name, const std::optional<T>& value) {
    begin(name);
    put(value);
  }

  void extras(const mailbox::Extras& extras) {
    if (extras.json.empty()) return;
    separate();
    out_ += extras.json;
  }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  void begin(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
  }

  template <std::integral T>
  void put(T value) {
    char digits[24];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void put(bool value) { out_ += value ? "true" : "false"; }
  void put(const std::string& value) { append_json_string(out_, value); }
  void put(const EventId& value) { append_json_string(out_, value.to_string()); }
  void put(mailbox::Instant value) {
    out_ += '"';
    append_instant(out_, value);
    out_ += '"';
  }
  void put(const std::optional<std::int64_t>& value) {
    if (value) return put(*value);
    out_ += "null";
  }
  template <class T>
  void put(const mailbox::Required<T>& value) {
    put(value.get());
  }

  template <class Range>
  void put_list(const Range& values) {
    out_ += '[';
    bool first = true;
    for (const auto& value : values) {
      if (!first) out_ += ',';
      first = false;
      put(value);
    }
    out_ += ']';
  }
  void put(const std::vector<std::string>& values) { put_list(values); }
  void put(const std::set<std::string>& values) { put_list(values); }
  void put(const std::vector<mailbox::UpdatedFlags>& values) { put_list(values); }

  void put(const mailbox::SystemFlags& flags) {
    out_ += '[';
    for (unsigned bit = 0; bit <= static_cast<unsigned>(mailbox::SystemFlag::seen); ++bit) {
      const auto flag = static_cast<mailbox::SystemFlag>(bit);
      if (!flags.contains(flag)) continue;
      if (out_.back() != '[') out_ += ',';
      append_json_string(out_, to_string(flag));
    }
    out_ += ']';
  }

  void put(const mailbox::Messages& messages) {
    MemberWriter writer(out_);
    for (const auto& [uid, message] : messages) writer.member(std::to_string(uid), message);
    writer.close();
  }
  void put(const mailbox::AclEntries& entries) {
    MemberWriter writer(out_);
    for (const auto& [who, rights] : entries) writer.member(who, rights);
    writer.close();
  }
  void put(const std::map<mailbox::QuotaScope, std::optional<std::int64_t>>& limits) {
    MemberWriter writer(out_);
    for (const auto& [scope, limit] : limits) writer.nullable(to_string(scope), limit);
    writer.close();
  }

  template <Described T>
  void put(const T& object) {
    MemberWriter writer(out_);
    describe(writer, object);
    writer.close();
  }

  std::string& out_;
  bool first_ = true;
};

}  // namespace

void append_mailbox_json(std::string& out, const mailbox::MailboxEvent& event) {
  MemberWriter writer(out);
  std::visit([&](const auto& value) { writer.member(mailbox::type_name(event), value); }, event);
  writer.close();
}

}  // namespace evmesh::event
