#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <evmesh/event.hpp>
#include <evmesh/result.hpp>

#include "event/json_text.hpp"

namespace evmesh::bus {

/// Writes one JSON object, member by member, on one line.
class JsonWriter {
 public:
  JsonWriter& text(std::string_view name, std::string_view value);
  JsonWriter& number(std::string_view name, std::uint64_t value);
  JsonWriter& real(std::string_view name, double value);
  JsonWriter& flag(std::string_view name, bool value);
  JsonWriter& time(std::string_view name, Timestamp value);
  JsonWriter& texts(std::string_view name, const std::vector<std::string>& values);
  JsonWriter& raw(std::string_view name, std::string_view json);

  [[nodiscard]] std::string done() { return std::move(json_) + '}'; }

 private:
  void begin(std::string_view name);

  std::string json_ = "{";
};

/// Takes the members of one JSON object. The first thing that is wrong is what `finish` says, naming the
/// member; what is read after it means nothing. Borrows the text.
class JsonReader {
 public:
  /// `text` is checked here.
  explicit JsonReader(std::string_view text);
  explicit JsonReader(event::JsonView object) { read(object); }

  /// Empty when absent or null.
  [[nodiscard]] std::optional<event::JsonView> take(std::string_view name);
  [[nodiscard]] event::JsonView must(std::string_view name);

  [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise = {});
  [[nodiscard]] std::uint64_t number(std::string_view name, std::uint64_t high = ~std::uint64_t{0});
  [[nodiscard]] double real(std::string_view name);
  [[nodiscard]] bool flag(std::string_view name);
  [[nodiscard]] std::optional<Timestamp> time(std::string_view name);
  [[nodiscard]] std::vector<event::JsonView> items(std::string_view name);
  [[nodiscard]] std::vector<event::JsonView> elements(std::string_view name, event::JsonView array);
  [[nodiscard]] std::vector<std::string> texts(std::string_view name);
  [[nodiscard]] std::vector<std::uint64_t> numbers(std::string_view name);

  /// The text of a member through `Type::parse`; `otherwise` when absent.
  template <class Type>
  [[nodiscard]] Type parsed(std::string_view name, Type otherwise) {
    const auto found = take(name);
    if (!found) return otherwise;
    auto read = Type::parse(string_of(name, *found));
    if (!read) {
      wrong(name, read.error().message);
      return otherwise;
    }
    return *std::move(read);
  }

  void wrong(std::string_view name, std::string_view why);
  void wrong(const Error& error);

  /// What was wrong, or a member that nobody took: undecodable.
  [[nodiscard]] Result<void> finish() const;

 private:
  void read(event::JsonView object);
  [[nodiscard]] std::string string_of(std::string_view name, event::JsonView value);
  [[nodiscard]] std::uint64_t number_of(std::string_view name, event::JsonView value, std::uint64_t high);

  std::map<std::string, event::JsonView, std::less<>> members_;
  std::optional<Error> error_;
};

}  // namespace evmesh::bus
