#include "event/mailbox_check.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/mailbox.hpp>

#include "base/text.hpp"
#include "event/json_text.hpp"
#include "event/mailbox_fields.hpp"

namespace evmesh::event {
namespace {

/// The first fault of an event; empty while there is none.
struct Fault {
  std::string text;

  void note(std::string_view member, std::string_view what) {
    if (text.empty()) text.append("member ").append(base::quoted(member)).append(" ").append(what);
  }
};

bool is_right(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// Notes of one object what its members break; nested objects get one of their own.
class MemberCheck {
 public:
  explicit MemberCheck(Fault& fault) : fault_(fault) {}

  template <class T>
  void member(std::string_view name, const T& value) {
    names_.at(count_++) = name;
    check(name, value);
  }
  template <class T>
  void user(std::string_view name, const T& value) {
    member(name, value);
  }
  template <class T>
  void optional(std::string_view name, const T& value) {
    member(name, value);
  }
  template <class T>
  void nullable(std::string_view name, const T& value) {
    member(name, value);
  }

  void extras(const mailbox::Extras& extras) {
    if (extras.json.empty()) return;
    const std::string object = "{" + extras.json + "}";
    if (const auto checked = check_json(object); !checked) {
      return fault_.note(names_.front(), "stands beside unknown members that are " + checked.error().message);
    }
    for (JsonItems items{JsonView(object)}; items.next();) {
      const std::string name = items.name();
      const auto known = std::span(names_).first(count_);
      if (std::ranges::find(known, name) != known.end())
        fault_.note(name, "stands again among the unknown members");
    }
  }

 private:
  template <class T>
  void check(std::string_view, const T&) requires std::is_arithmetic_v<T> {}
  void check(std::string_view, const EventId&) {}
  void check(std::string_view, const mailbox::Instant&) {}
  void check(std::string_view, const mailbox::SystemFlags&) {}
  void check(std::string_view, const std::map<mailbox::QuotaScope, std::optional<std::int64_t>>&) {}

  void check(std::string_view name, const std::string& text) {
    if (!base::valid_utf8(text)) fault_.note(name, "is not UTF-8: " + base::quoted(text));
  }

  void check(std::string_view name, const mailbox::AclEntries& entries) {
    for (const auto& [who, rights] : entries) {
      check(name, who);
      if (who.empty() || who == "-") fault_.note(name, "gives rights to nobody: " + base::quoted(who));
      if (!std::ranges::all_of(rights, is_right)) {
        fault_.note(name, "has rights that are no RFC 4314 letters: " + base::quoted(rights));
      }
    }
  }

  template <class T>
  void check(std::string_view name, const mailbox::Required<T>& value) {
    check(name, value.get());
  }
  template <class T>
  void check(std::string_view name, const std::optional<T>& value) {
    if (value) check(name, *value);
  }
  template <class T>
  void check(std::string_view name, const std::vector<T>& values) {
    for (const T& value : values) check(name, value);
  }
  void check(std::string_view name, const std::set<std::string>& values) {
    for (const std::string& value : values) check(name, value);
  }
  void check(std::string_view name, const mailbox::Messages& messages) {
    for (const auto& [uid, message] : messages) check(name, message);
  }
  template <Described T>
  void check(std::string_view, const T& object) {
    MemberCheck nested(fault_);
    describe(nested, object);
  }

  Fault& fault_;
  std::array<std::string_view, 16> names_;  // no type has more members; no allocation per message
  std::size_t count_ = 0;
};

}  // namespace

Result<void> check_mailbox_event(const mailbox::MailboxEvent& event) {
  Fault fault;
  MemberCheck check(fault);
  std::visit([&check](const auto& value) { describe(check, value); }, event);
  if (fault.text.empty()) return {};
  return fail(ErrorCode::invalid_argument, std::string(mailbox::type_name(event)) + ": " + fault.text);
}

}  // namespace evmesh::event
