#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "storage/state_store.hpp"

/// What the sources of StateStore share: how rows are summed, and how a filter is said in SQL.
namespace evmesh::storage::rows {

inline constexpr std::string_view letter_columns =
    "number, id, bus, grp, event_id, type, time, about, history, event, sum";

inline std::string_view bytes_of(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

inline std::uint64_t number_of(Timestamp time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

inline Timestamp time_of(std::uint64_t number) {
  return Timestamp{Timestamp::duration{static_cast<Timestamp::rep>(number)}};
}

/// Fields and their lengths, so that no byte can move from one field to the next unseen.
class Summed {
 public:
  Summed& add(std::string_view bytes) {
    add(bytes.size());
    text_ += bytes;
    return *this;
  }
  Summed& add(std::uint64_t number) {
    text_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    return *this;
  }
  [[nodiscard]] std::uint64_t sum() const { return base::hash64(text_); }

 private:
  std::string text_;
};

inline std::uint64_t sum_of(const LetterRow& letter) {
  return Summed()
      .add(letter.number)
      .add(bytes_of(letter.id))
      .add(letter.bus)
      .add(letter.group)
      .add(bytes_of(letter.event_id))
      .add(letter.type)
      .add(number_of(letter.time))
      .add(letter.about)
      .add(letter.history)
      .add(letter.event)
      .sum();
}

inline std::uint64_t sum_of_document(std::string_view kind, std::string_view name, std::string_view body) {
  return Summed().add(kind).add(name).add(body).sum();
}

inline std::uint64_t sum_of_held(std::string_view bus, std::string_view group, const StateStore::Held& held) {
  return Summed().add(bus).add(group).add(held.letters).add(held.bytes).sum();
}

inline std::uint64_t size_of(const LetterRow& letter) {
  return letter.event.size() + letter.history.size() + letter.about.size();
}

/// The condition of a filter, and its values in the order of their question marks.
struct Where {
  std::string text = "1";
  std::vector<std::string> bytes;
  std::vector<std::uint64_t> numbers;

  /// `many`: of that group, so that its index is no way to them in another order.
  explicit Where(const LetterFilter& filter, bool many = false) {
    if (filter.id) equal("id", bytes_of(*filter.id));
    equal("bus", filter.bus);
    equal(many && filter.behind ? "+grp" : "grp", filter.group);
    equal("type", filter.type);
    if (filter.event) equal("event_id", bytes_of(*filter.event));
    if (!filter.text.empty()) {
      text += " AND instr(about, ?) > 0";
      bytes.push_back(filter.text);
    }
    if (filter.behind) {
      text += " AND id > ?";
      bytes.emplace_back(bytes_of(*filter.behind));
    }
    // The sign keeps SQLite from reading all of a time to put it in the order of numbers.
    compare("+time >= ?", filter.since);
    compare("+time < ?", filter.until);
  }

  /// The place behind the last one.
  int bind(Statement& statement) const {
    int place = 1;
    for (const std::string& each : bytes) statement.bind(place++, each);
    for (const std::uint64_t number : numbers) statement.bind_number(place++, number);
    return place;
  }

 private:
  void equal(std::string_view column, std::string_view value) {
    if (value.empty()) return;
    text += " AND " + std::string(column) + " = ?";
    bytes.emplace_back(value);
  }
  void compare(std::string_view condition, const std::optional<Timestamp>& time) {
    if (!time) return;
    text += " AND " + std::string(condition);
    numbers.push_back(number_of(*time));
  }
};

/// Whether a letter is what was asked for, as far as SQLite looked it up by an index.
inline bool asked_for(const LetterFilter& filter, const LetterRow& letter) {
  return (!filter.id || *filter.id == letter.id) && (filter.bus.empty() || filter.bus == letter.bus) &&
         (filter.group.empty() || filter.group == letter.group) &&
         (filter.type.empty() || filter.type == letter.type) &&
         (!filter.event || *filter.event == letter.event_id);
}

}  // namespace evmesh::storage::rows
