#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <cereal/cereal.hpp>

#include "base/text.hpp"
#include "event/blank.hpp"
#include "event/budget.hpp"
#include "event/mailbox_fields.hpp"
#include "event/mailbox_types.hpp"

/// cereal's portable binary, little-endian, without streams. None of cereal's own containers are included: a
/// type that has no function below does not compile, so pointers, polymorphism and everything else hostile
/// bytes feed on cannot get in.
namespace evmesh::event {

static_assert(std::endian::native == std::endian::little,
              "the archives copy numbers as they stand in memory");

/// The flag that cereal's portable binary begins with.
inline constexpr std::uint8_t little_endian_flag = 1;

/// Described types hold no type that holds them, so this bound is never met by them; it is for the next type.
inline constexpr unsigned binary_depth_max = 8;

/// Appends to a string.
class BinaryOutput : public cereal::OutputArchive<BinaryOutput> {
 public:
  explicit BinaryOutput(std::string& out) : OutputArchive<BinaryOutput>(this), out_(out) {
    (*this)(little_endian_flag);
  }

  void bytes(const void* data, std::size_t size) { out_.append(static_cast<const char*>(data), size); }
  void count(std::size_t count) { (*this)(static_cast<std::uint64_t>(count)); }

 private:
  std::string& out_;
};

/// Reads bytes that anybody may have made. Throws `Undecodable`; never reads past the end, never allocates
/// more than the budget of its input, and every count is checked against the bytes that are left before
/// anything is made room for.
class BinaryInput : public cereal::InputArchive<BinaryInput> {
 public:
  explicit BinaryInput(std::string_view in) : InputArchive<BinaryInput>(this), budget(in.size()), rest_(in) {
    std::uint8_t flag = 0;
    (*this)(flag);
    if (flag != little_endian_flag) throw Undecodable{"it is not little-endian"};
  }

  void bytes(void* data, std::size_t size) { std::memcpy(data, take(size).data(), size); }

  [[nodiscard]] std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      throw Undecodable{"it ends " + std::to_string(size - rest_.size()) + " bytes too early"};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  /// A count of things of at least `least_bytes` each.
  [[nodiscard]] std::size_t count(std::size_t least_bytes) {
    std::uint64_t count = 0;
    (*this)(count);
    if (count > rest_.size() / least_bytes) {
      throw Undecodable{"it announces " + std::to_string(count) + " items where " +
                        std::to_string(rest_.size()) + " bytes are left"};
    }
    return static_cast<std::size_t>(count);
  }

  void expect_end() const {
    if (!rest_.empty()) throw Undecodable{std::to_string(rest_.size()) + " bytes follow its end"};
  }

  /// Counts how deep objects nest while it lives.
  class Nesting {
   public:
    explicit Nesting(BinaryInput& in) : in_(in) {
      if (in_.depth_ == binary_depth_max) throw Undecodable{"it nests too deep"};
      ++in_.depth_;
    }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    ~Nesting() { --in_.depth_; }

   private:
    BinaryInput& in_;
  };

  Budget budget;

 private:
  std::string_view rest_;
  unsigned depth_ = 0;
};

/// The fewest bytes a value can take; what counts are checked against.
template <class T>
inline constexpr std::size_t least_bytes = 0;
template <>
inline constexpr std::size_t least_bytes<std::string> = 8;
template <>
inline constexpr std::size_t least_bytes<mailbox::MessageMetaData> = 67;
template <>
inline constexpr std::size_t least_bytes<mailbox::UpdatedFlags> = 60;

// Scalars.

template <class T>
requires std::is_arithmetic_v<T>
void save(BinaryOutput& out, const T& value) { out.bytes(&value, sizeof value); }

template <class T>
requires(std::is_arithmetic_v<T> && !std::same_as<T, bool>) void load(BinaryInput& in, T& value) {
  in.bytes(&value, sizeof value);
}

inline void load(BinaryInput& in, bool& value) {
  std::uint8_t byte = 0;
  in(byte);
  if (byte > 1) throw Undecodable{"a boolean is " + std::to_string(byte)};
  value = byte == 1;
}

inline void save(BinaryOutput& out, const EventId& id) { out.bytes(id.bytes.data(), id.bytes.size()); }
inline void load(BinaryInput& in, EventId& id) { in.bytes(id.bytes.data(), id.bytes.size()); }

inline void save(BinaryOutput& out, const mailbox::Instant& time) {
  out(static_cast<std::int64_t>(time.time_since_epoch().count()));
}
inline void load(BinaryInput& in, mailbox::Instant& time) {
  std::int64_t nanoseconds = 0;
  in(nanoseconds);
  time = mailbox::Instant(std::chrono::nanoseconds(nanoseconds));
}

inline void save(BinaryOutput& out, const mailbox::SystemFlags& flags) { out(flags.bits()); }
inline void load(BinaryInput& in, mailbox::SystemFlags& flags) {
  std::uint8_t bits = 0;
  in(bits);
  flags = {};
  for (unsigned bit = 0; bit <= static_cast<unsigned>(mailbox::SystemFlag::seen); ++bit) {
    if ((bits >> bit) & 1) flags.insert(static_cast<mailbox::SystemFlag>(bit));
  }
  if (flags.bits() != bits) throw Undecodable{"unknown system flags " + std::to_string(bits)};
}

// Texts and containers.

inline void save(BinaryOutput& out, const std::string& text) {
  out.count(text.size());
  out.bytes(text.data(), text.size());
}
inline void load(BinaryInput& in, std::string& text) {
  const std::string_view bytes = in.take(in.count(1));
  if (!base::valid_utf8(bytes)) throw Undecodable{"a text is not UTF-8: " + base::quoted(bytes)};
  in.budget.take_text(bytes.size());
  text.assign(bytes);
}

/// As cereal writes it: a flag that says "none", then the value when there is one.
template <class T>
void save(BinaryOutput& out, const std::optional<T>& value) {
  out(!value.has_value());
  if (value) out(*value);
}
template <class T>
void load(BinaryInput& in, std::optional<T>& value) {
  bool none = false;
  in(none);
  value.reset();
  if (!none) in(value.emplace(Blank::make<T>()));
}

template <class T>
void save(BinaryOutput& out, const mailbox::Required<T>& value) {
  out(value.get());
}
template <class T>
void load(BinaryInput& in, mailbox::Required<T>& value) {
  in(value.get());
}

template <class T>
void save(BinaryOutput& out, const std::vector<T>& values) {
  out.count(values.size());
  for (const T& value : values) out(value);
}
template <class T>
void load(BinaryInput& in, std::vector<T>& values) {
  const std::size_t count = in.count(least_bytes<T>);
  in.budget.take(count * sizeof(T));
  values.clear();
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) in(values.emplace_back(Blank::make<T>()));
}

/// Sets and maps must come in order and without repetition, as they are written: one value has one form.
inline void save(BinaryOutput& out, const std::set<std::string>& values) {
  out.count(values.size());
  for (const std::string& value : values) out(value);
}
inline void load(BinaryInput& in, std::set<std::string>& values) {
  const std::size_t count = in.count(least_bytes<std::string>);
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    in.budget.take(tree_node_bytes + sizeof(std::string));
    std::string value;
    in(value);
    if (!values.empty() && value <= *values.rbegin()) throw Undecodable{"a set is out of order"};
    values.insert(values.end(), std::move(value));
  }
}

template <class Key, class T>
void save_map(BinaryOutput& out, const std::map<Key, T>& map) {
  out.count(map.size());
  for (const auto& [key, value] : map) out(key, value);
}
template <class Key, class T>
void load_map(BinaryInput& in, std::map<Key, T>& map, std::size_t least) {
  const std::size_t count = in.count(least);
  map.clear();
  for (std::size_t i = 0; i < count; ++i) {
    in.budget.take(tree_node_bytes + sizeof(typename std::map<Key, T>::value_type));
    Key key{};
    in(key);
    if (!map.empty() && key <= map.rbegin()->first) throw Undecodable{"a map is out of order"};
    in(map.emplace_hint(map.end(), std::move(key), Blank::make<T>())->second);
  }
}

inline void save(BinaryOutput& out, const mailbox::Messages& messages) { save_map(out, messages); }
inline void load(BinaryInput& in, mailbox::Messages& messages) {
  load_map(in, messages, sizeof(mailbox::Uid) + least_bytes<mailbox::MessageMetaData>);
}

inline void save(BinaryOutput& out, const mailbox::AclEntries& entries) { save_map(out, entries); }
inline void load(BinaryInput& in, mailbox::AclEntries& entries) {
  load_map(in, entries, 2 * least_bytes<std::string>);
}

using QuotaLimits = std::map<mailbox::QuotaScope, std::optional<std::int64_t>>;

inline void save(BinaryOutput& out, const QuotaLimits& limits) {
  out.count(limits.size());
  for (const auto& [scope, limit] : limits) out(static_cast<std::uint8_t>(scope), limit);
}
inline void load(BinaryInput& in, QuotaLimits& limits) {
  std::map<std::uint8_t, std::optional<std::int64_t>> by_number;
  load_map(in, by_number, 2);
  limits.clear();
  for (const auto& [number, limit] : by_number) {
    if (number > static_cast<std::uint8_t>(mailbox::QuotaScope::user)) {
      throw Undecodable{"unknown quota scope " + std::to_string(number)};
    }
    limits.emplace(static_cast<mailbox::QuotaScope>(number), limit);
  }
}

// Objects: their members one after another, unknown ones last.

template <class Archive>
struct BinaryMembers {
  Archive& archive;

  void member(std::string_view, auto& value) { archive(value); }
  void user(std::string_view, auto& value) {
    archive(value);
    if constexpr (std::same_as<Archive, BinaryInput>) lower_case_user(value);
  }
  void optional(std::string_view, auto& value) { archive(value); }
  void nullable(std::string_view, auto& value) { archive(value); }
  void extras(auto& extras) { archive(extras.json); }
};

template <Described T>
void save(BinaryOutput& out, const T& object) {
  BinaryMembers<BinaryOutput> members{out};
  describe(members, object);
}
template <Described T>
void load(BinaryInput& in, T& object) {
  const BinaryInput::Nesting nesting(in);
  BinaryMembers<BinaryInput> members{in};
  describe(members, object);
}

}  // namespace evmesh::event

CEREAL_SETUP_ARCHIVE_TRAITS(evmesh::event::BinaryInput, evmesh::event::BinaryOutput)
