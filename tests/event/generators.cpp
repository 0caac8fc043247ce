#include "generators.hpp"

#include <array>
#include <limits>

#include "event/mailbox_fields.hpp"
#include "event/mailbox_types.hpp"

namespace evmesh::test {
namespace {

/// Fills every member of an object with something; the visitor of `describe`.
struct Filler {
  template <class T>
  void member(std::string_view, T& value) {
    fill(value);
  }
  void user(std::string_view, mailbox::Required<std::string>& value) {
    fill(value);
    event::lower_case_user(value);
  }
  void user(std::string_view name, std::optional<std::string>& value) {
    optional(name, value);
    event::lower_case_user(value);
  }
  template <class T>
  void optional(std::string_view, std::optional<T>& value) {
    value.reset();
    if (*rc::gen::arbitrary<bool>()) fill(value.emplace(event::Blank::make<T>()));
  }
  template <class T>
  void nullable(std::string_view name, std::optional<T>& value) {
    optional(name, value);
  }
  void extras(mailbox::Extras& extras) {
    extras.json = *rc::gen::element<std::string>("", "", "", R"("x-new":1)",
                                                 R"("x-a":[1.50,{"b":null}],"x-\u0063":"é\"")");
  }

  static std::string text() {
    static constexpr std::array<std::string_view, 12> pieces = {"a", "Z",  "0", " ", "\"", "\\",
                                                                "/", "\n", "é", "€", "😀",  "$x"};
    std::string out;
    for (const auto index : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 12))) {
      out += pieces[static_cast<std::size_t>(index)];
    }
    return out;
  }

  static void fill(std::string& value) { value = text(); }
  static void fill(bool& value) { value = *rc::gen::arbitrary<bool>(); }
  template <std::integral T>
  static void fill(T& value) {
    value = *rc::gen::oneOf(rc::gen::arbitrary<T>(), rc::gen::just(std::numeric_limits<T>::max()),
                            rc::gen::just(std::numeric_limits<T>::min()));
  }
  static void fill(EventId& value) {
    value.bytes[0] = *rc::gen::inRange<std::uint8_t>(1, 255);
    for (auto& byte : value.bytes)
      byte = static_cast<std::uint8_t>(byte + *rc::gen::arbitrary<std::uint8_t>());
  }
  static void fill(mailbox::Instant& value) {
    value = mailbox::Instant(
        std::chrono::seconds(*rc::gen::inRange<std::int64_t>(-9'000'000'000, 9'000'000'000)) +
        std::chrono::nanoseconds(*rc::gen::element(0, 250'000'000, 1'000, 999'999'999)));
  }
  static void fill(mailbox::SystemFlags& value) {
    value = {};
    for (const int bit : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 6))) {
      value.insert(static_cast<mailbox::SystemFlag>(bit));
    }
  }
  static int few() { return *rc::gen::inRange(0, 4); }
  template <class T>
  static void fill(std::vector<T>& values) {
    values.clear();
    for (int left = few(); left > 0; --left) fill(values.emplace_back(event::Blank::make<T>()));
  }
  static void fill(std::set<std::string>& values) {
    for (int left = few(); left > 0; --left) values.insert(text());
  }
  static void fill(mailbox::Messages& messages) {
    for (int left = few(); left > 0; --left) {
      mailbox::Uid uid = 0;
      fill(uid);
      fill(messages.insert_or_assign(uid, event::Blank::make<mailbox::MessageMetaData>()).first->second);
    }
  }
  static void fill(mailbox::AclEntries& entries) {
    for (int left = few(); left > 0; --left)
      entries["u" + text()] = *rc::gen::element<std::string>("", "lr", "aeiklprstwx");
  }
  static void fill(std::map<mailbox::QuotaScope, std::optional<std::int64_t>>& limits) {
    for (int left = few(); left > 0; --left) {
      auto& limit = limits[static_cast<mailbox::QuotaScope>(*rc::gen::inRange(0, 3))];
      if (*rc::gen::arbitrary<bool>()) fill(limit.emplace());
    }
  }
  template <class T>
  static void fill(mailbox::Required<T>& value) {
    fill(value.get());
  }
  template <event::Described T>
  static void fill(T& object) {
    Filler nested;
    event::describe(nested, object);
  }
};

}  // namespace

rc::Gen<mailbox::MailboxEvent> any_mailbox_event() {
  return rc::gen::exec([] {
    mailbox::MailboxEvent event =
        event::blank_mailbox_event(*rc::gen::inRange<std::size_t>(0, event::mailbox_type_names.size()));
    std::visit([](auto& value) { Filler::fill(value); }, event);
    return event;
  });
}

}  // namespace evmesh::test
