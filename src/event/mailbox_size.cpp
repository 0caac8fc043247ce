#include "event/mailbox_size.hpp"

#include <string>
#include <string_view>
#include <type_traits>

#include "event/mailbox_fields.hpp"

namespace evmesh::event {
namespace {

constexpr std::uint64_t escaped_byte = 6;  // \u001f
constexpr std::uint64_t punctuation =
    8;  // the length of a text in binary; quotes, colon, comma and braces in JSON
constexpr std::uint64_t scalar = 40;  // the longest: an id between quotes, a time with nine digits, a number
constexpr std::uint64_t all_flags = 96;  // every system flag by its name
constexpr std::uint64_t around = 64;     // version, type and the object around all

std::uint64_t of_text(std::string_view text) { return punctuation + escaped_byte * text.size(); }

/// Adds up what the members of an object can take.
class SizeSum {
 public:
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  template <class T>
  void member(std::string_view name, const T& value) {
    bytes_ += of_text(name);
    add(value);
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
  void extras(const mailbox::Extras& extras) { bytes_ += punctuation + extras.json.size(); }

 private:
  template <class T>
  void add(const T&)
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>)
  {
    bytes_ += scalar;
  }
  void add(const EventId&) { bytes_ += scalar; }
  void add(const mailbox::Instant&) { bytes_ += scalar; }
  void add(const mailbox::SystemFlags&) { bytes_ += all_flags; }
  void add(const std::string& text) { bytes_ += of_text(text); }

  template <class T>
  void add(const mailbox::Required<T>& value) {
    add(value.get());
  }
  template <class T>
  void add(const std::optional<T>& value) {
    bytes_ += punctuation;
    if (value) add(*value);
  }
  template <class T>
  void add_all(const T& values) {
    bytes_ += punctuation;
    for (const auto& value : values) add(value);
  }
  template <class T>
  void add(const std::vector<T>& values) {
    add_all(values);
  }
  void add(const std::set<std::string>& values) { add_all(values); }
  template <class Key, class T>
  void add(const std::map<Key, T>& values) {
    add_all(values);
  }
  template <class Key, class T>
  void add(const std::pair<const Key, T>& entry) {
    bytes_ += punctuation;
    add(entry.first);
    add(entry.second);
  }
  template <Described T>
  void add(const T& object) {
    bytes_ += punctuation;
    describe(*this, object);
  }

  std::uint64_t bytes_ = around;
};

}  // namespace

std::uint64_t mailbox_bytes_max(const mailbox::MailboxEvent& event) {
  SizeSum sum;
  std::visit([&sum](const auto& value) { describe(sum, value); }, event);
  return sum.bytes();
}

}  // namespace evmesh::event
