#include "evmesh-maildir/root_pattern.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace evmesh::maildir {
namespace {

constexpr char user_mark = '\0';  // stands for %u in a parsed component; no path holds it

/// `text` with `%u` as the mark and `%%` as '%'; nothing for any other use of '%'.
std::optional<std::string> replace_marks(std::string_view text) {
  std::string replaced;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      replaced += text[i];
      continue;
    }
    const char kind = ++i < text.size() ? text[i] : '\0';
    if (kind != 'u' && kind != '%') return std::nullopt;
    replaced += kind == 'u' ? user_mark : '%';
  }
  return replaced;
}

}  // namespace

Result<RootPattern> RootPattern::parse(std::string_view text,
                                       const std::filesystem::path& working_directory) {
  const auto refused = [&](const std::string& why) {
    return fail(ErrorCode::invalid_argument,
                "root " + base::quoted(text) + ' ' + why +
                    "; write it like /var/mail/%u/Maildir, where %u stands for the user");
  };
  if (text.empty() || text.find('\0') != std::string_view::npos) return refused("is no path");
  const auto replaced = replace_marks(text);
  if (!replaced) return refused("has a % that is neither %u nor %%");
  if (std::count(replaced->begin(), replaced->end(), user_mark) != 1)
    return refused("does not hold %u exactly once");

  RootPattern pattern;
  pattern.text_ = text;
  bool behind_user = false;
  for (const auto& component : (working_directory / *replaced).lexically_normal()) {
    const std::string& name = component.native();
    const std::size_t mark = name.find(user_mark);
    if (mark != std::string::npos) {
      pattern.prefix_ = name.substr(0, mark);
      pattern.suffix_ = name.substr(mark + 1);
      behind_user = true;
    } else if (!name.empty()) {
      (behind_user ? pattern.rest_ : pattern.base_) /= component;
    }
  }
  if (!behind_user) return refused("takes %u away again by \"..\"");
  return pattern;
}

std::optional<std::string> RootPattern::user_of(std::string_view entry) const {
  if (entry.size() <= prefix_.size() + suffix_.size()) return std::nullopt;
  if (!entry.starts_with(prefix_) || !entry.ends_with(suffix_)) return std::nullopt;
  const std::string_view user = entry.substr(prefix_.size(), entry.size() - prefix_.size() - suffix_.size());
  if (user.front() == '.') return std::nullopt;
  return std::string(user);
}

std::filesystem::path RootPattern::user_directory(std::string_view user) const {
  return base_ / (prefix_ + std::string(user) + suffix_);
}

std::filesystem::path RootPattern::maildir_of(std::string_view user) const {
  return rest_.empty() ? user_directory(user) : user_directory(user) / rest_;
}

bool RootPattern::contains(const std::filesystem::path& path) const {
  const std::filesystem::path normal = path.lexically_normal();
  const std::filesystem::path inside = normal.lexically_relative(base_);
  if (inside.empty() || *inside.begin() == ".." || *inside.begin() == ".") return false;
  const auto user = user_of(inside.begin()->native());
  if (!user) return false;
  const std::filesystem::path below = normal.lexically_relative(maildir_of(*user));
  return !below.empty() && *below.begin() != "..";
}

}  // namespace evmesh::maildir
