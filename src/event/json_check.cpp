#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "event/json_text.hpp"

namespace evmesh::event {
namespace {

/// Follows nlohmann's parser through a text without building anything of it: a tree would take 10 to 30 bytes
/// for each byte of a hostile text. Keeps only the names of the objects that are open.
class Checker {
 public:
  using json = nlohmann::json;

  bool null() { return true; }
  bool boolean(bool) { return true; }
  bool number_integer(json::number_integer_t) { return true; }
  bool number_unsigned(json::number_unsigned_t) { return true; }
  bool number_float(json::number_float_t, const json::string_t&) { return true; }
  bool string(json::string_t&) { return true; }
  bool binary(json::binary_t&) { return true; }

  bool start_object(std::size_t) { return open(); }
  bool start_array(std::size_t) { return open(); }
  bool end_array() { return close(); }

  bool key(json::string_t& name) {
    names_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size())});
    text_ += name;
    return true;
  }

  bool end_object() {
    const Level& level = levels_.back();
    const auto first = names_.begin() + static_cast<std::ptrdiff_t>(level.names);
    const auto view = [this](const Name& name) {
      return std::string_view(text_).substr(name.at, name.length);
    };
    std::ranges::sort(first, names_.end(), {}, view);
    const auto twice = std::ranges::adjacent_find(first, names_.end(), {}, view);
    if (twice != names_.end()) {
      error_ = "the member " + base::quoted(view(*twice)) + " stands twice in one object";
      return false;
    }
    return close();
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception& error) {
    const bool encoding = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    error_ = (encoding ? "not UTF-8 at byte " : "not JSON at byte ") + std::to_string(position);
    return false;
  }

  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  struct Name {
    std::uint32_t at;
    std::uint32_t length;
  };
  struct Level {
    std::size_t names;
    std::size_t text;
  };

  bool open() {
    if (levels_.size() == json_depth_max) {
      error_ = "nested deeper than " + std::to_string(json_depth_max);
      return false;
    }
    levels_.push_back({names_.size(), text_.size()});
    return true;
  }

  bool close() {
    names_.resize(levels_.back().names);
    text_.resize(levels_.back().text);
    levels_.pop_back();
    return true;
  }

  std::vector<Level> levels_;
  std::vector<Name> names_;  // of all open objects, innermost last
  std::string text_;         // what they say, one after another
  std::string error_;
};

}  // namespace

Result<void> check_json(std::string_view text) {
  if (text.size() > UINT32_MAX) return fail(ErrorCode::undecodable, "JSON of more than 4 GiB");
  if (text.starts_with("\xef\xbb\xbf")) {
    return fail(ErrorCode::undecodable, "JSON begins with a byte order mark; leave it out");
  }
  // The parser takes a zero byte for the end and would not look at what follows.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return fail(ErrorCode::undecodable, "not JSON at byte " + std::to_string(zero + 1));
  }
  Checker checker;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &checker)) return {};
  return fail(ErrorCode::undecodable, checker.error());
}

}  // namespace evmesh::event
