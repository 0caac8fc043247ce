#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/exit_code.hpp"

namespace evmesh::cli {

/// How data is written: for people, as one JSON document, or as one JSON value per line.
enum class Form { table, json, jsonl };

/// "table", "json" or "jsonl"; else `usage` naming the text.
[[nodiscard]] peers::Outcome<Form> parse_form(std::string_view text);

/// Rows under headings. Value.
struct Table {
  std::vector<std::string> heading;
  std::vector<std::vector<std::string>> rows;
};

/// What a verb has to say, in all forms at once. Value.
struct Answer {
  std::vector<Table> tables;
  std::string text;                ///< instead of tables, for what is no table
  std::string json;                ///< one document, without line end
  std::vector<std::string> lines;  ///< one JSON value each; empty: the document is the one line
};

/// `text` made safe for a terminal: control characters and bytes that are no UTF-8 are escaped; quotes and
/// backslashes stay as they are. After `chars_max` characters "..." ends it.
[[nodiscard]] std::string shown(std::string_view text, std::size_t chars_max);

/// Columns two spaces apart, as wide as their widest cell; control characters in cells are escaped.
[[nodiscard]] std::string format_table(const Table& table);

/// The one place where data is written. Everything goes to standard output in one piece.
class Output {
 public:
  Output(Form form, bool quiet) : form_(form), quiet_(quiet) {}

  [[nodiscard]] Form form() const { return form_; }

  /// `io` when standard output cannot take it.
  [[nodiscard]] peers::Outcome<void> print(const Answer& answer) const;
  [[nodiscard]] peers::Outcome<void> print_raw(std::string_view text) const;

  /// A sentence for the person, on standard error; nothing with --quiet.
  void note(std::string_view sentence) const;

  /// A line on standard error that the next one overwrites; only on a terminal.
  void progress(std::string_view line) const;
  void end_progress() const;

 private:
  const Form form_;
  const bool quiet_;
};

/// "850 us", "1.2 ms", "3.4 s", "2 m", "5 h".
[[nodiscard]] std::string format_age(double microseconds);

}  // namespace evmesh::cli
