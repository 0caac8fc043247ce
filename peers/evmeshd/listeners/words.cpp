#include "evmeshd/listeners/words.hpp"

#include <cstddef>
#include <utility>

#include "base/text.hpp"

namespace evmesh::daemon {
namespace {

constexpr std::string_view spaces = " \t";
constexpr std::string_view for_shells = "|&;<>()$*?~`";

/// Takes a command apart from its beginning to its end.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<std::string>> split() {
    while (at_ < text_.size() && !(text_[at_] == '#' && !open_)) {
      if (auto taken = take(); !taken) return tl::unexpected(taken.error());
    }
    end_word();
    if (words_.empty()) return fail(ErrorCode::invalid_argument, "no program is named");
    return std::move(words_);
  }

 private:
  Result<void> take() {
    const char c = text_[at_];
    if (spaces.find(c) != std::string_view::npos) {
      end_word();
      ++at_;
      return {};
    }
    open_ = true;
    if (c == '\'' || c == '"') return take_quoted(c);
    if (for_shells.find(c) != std::string_view::npos) {
      return fail(ErrorCode::invalid_argument, base::quoted({&c, 1}) + " in " + base::quoted(text_) +
                                                   " is for a shell, and none runs; quote it, or use "
                                                   "shell = ... instead of command = ...");
    }
    if (c == '\\' && at_ + 1 < text_.size()) ++at_;
    word_ += text_[at_++];
    return {};
  }

  Result<void> take_quoted(char quote) {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == quote) {
        ++at_;
        return {};
      }
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if (c == '\\' && quote == '"' && (next == '"' || next == '\\')) ++at_;
      word_ += text_[at_];
    }
    return fail(ErrorCode::invalid_argument,
                "the quote " + std::string(1, quote) + " is not closed in " + base::quoted(text_));
  }

  void end_word() {
    if (open_) words_.push_back(std::exchange(word_, {}));
    open_ = false;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  bool open_ = false;  // a word has begun; it may be empty, as in ''
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) { return Splitter(text).split(); }

}  // namespace evmesh::daemon
