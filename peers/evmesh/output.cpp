#include "evmesh/output.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.hpp"

#include "common/files.hpp"

namespace evmesh::cli {
namespace {

constexpr std::size_t cell_chars_max = 80;

/// Characters, not bytes: names may hold any UTF-8.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

void add_row(std::string& text, const std::vector<std::string>& cells,
             const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    line += cells[column];
    line.append(widths[column] - width(cells[column]) + 2, ' ');
  }
  text += line.erase(line.find_last_not_of(' ') + 1) + '\n';
}

}  // namespace

peers::Outcome<Form> parse_form(std::string_view text) {
  if (text == "table") return Form::table;
  if (text == "json") return Form::json;
  if (text == "jsonl") return Form::jsonl;
  return peers::end_with(peers::ExitCode::usage, "-o " + base::quoted(text) + ": use table, json or jsonl");
}

std::string shown(std::string_view text, std::size_t chars_max) {
  std::string out;
  std::size_t chars = 0;
  while (!text.empty()) {
    std::size_t length = 1;
    while (length < text.size() && (text[length] & 0xC0) == 0x80) ++length;
    const std::string_view character = text.substr(0, length);
    const bool as_it_is = character == "\"" || character == "\\";
    const std::string piece = as_it_is ? std::string(character) : base::escaped(character);
    chars += piece == character ? 1 : piece.size();
    if (chars > chars_max) return out + "...";
    out += piece;
    text.remove_prefix(length);
  }
  return out;
}

std::string format_table(const Table& table) {
  std::vector<std::vector<std::string>> cells{table.heading};
  for (const auto& row : table.rows) {
    cells.emplace_back();
    for (const std::string& cell : row) {
      cells.back().push_back(cell.empty() ? "-" : shown(cell, cell_chars_max));
    }
  }
  std::vector<std::size_t> widths(table.heading.size(), 0);
  for (const auto& row : cells) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], width(row[column]));
    }
  }
  std::string text;
  for (const auto& row : cells) add_row(text, row, widths);
  return text;
}

peers::Outcome<void> Output::print_raw(std::string_view text) const {
  const int error = peers::write_fully(STDOUT_FILENO, text);
  if (error == 0) return {};
  return peers::end_with(peers::ExitCode::io, "cannot write to standard output: " + peers::errno_text(error));
}

peers::Outcome<void> Output::print(const Answer& answer) const {
  std::string text = answer.text;
  switch (form_) {
    case Form::table:
      for (const Table& table : answer.tables) text += (text.empty() ? "" : "\n") + format_table(table);
      break;
    case Form::json: text = answer.json + '\n'; break;
    case Form::jsonl:
      text.clear();
      for (const std::string& line : answer.lines) text += line + '\n';
      if (answer.lines.empty() && !answer.json.empty()) text = answer.json + '\n';
      break;
  }
  return print_raw(text);
}

void Output::note(std::string_view sentence) const {
  if (quiet_) return;
  const std::string line = fmt::format("evmesh: {}\n", sentence);
  static_cast<void>(peers::write_fully(STDERR_FILENO, line));
}

void Output::progress(std::string_view line) const {
  if (quiet_ || ::isatty(STDERR_FILENO) == 0) return;
  static_cast<void>(peers::write_fully(STDERR_FILENO, fmt::format("\r{}\x1b[K", line)));
}

void Output::end_progress() const { progress(""); }

std::string format_age(double microseconds) {
  constexpr double second = 1e6;
  if (microseconds < 1e3) return fmt::format("{:.0f} us", microseconds);
  if (microseconds < second) return fmt::format("{:.1f} ms", microseconds / 1e3);
  if (microseconds < 120 * second) return fmt::format("{:.1f} s", microseconds / second);
  if (microseconds < 7200 * second) return fmt::format("{:.0f} m", microseconds / (60 * second));
  return fmt::format("{:.0f} h", microseconds / (3600 * second));
}

}  // namespace evmesh::cli
