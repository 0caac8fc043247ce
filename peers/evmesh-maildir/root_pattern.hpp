#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <evmesh/result.hpp>

namespace evmesh::maildir {

/// Where users' Maildirs are: a path in which `%u` stands for the user, for example `/var/mail/%u/Maildir`.
/// Value.
class RootPattern {
 public:
  /// One `%u`, alone or within one directory name (`user-%u`); `%%` is a percent sign. Else
  /// `invalid_argument`. A relative path is taken from `working_directory`.
  [[nodiscard]] static Result<RootPattern> parse(std::string_view text,
                                                 const std::filesystem::path& working_directory);

  /// The directory whose entries are users.
  [[nodiscard]] const std::filesystem::path& base() const { return base_; }

  /// The user of an entry of `base`; nothing when the entry does not match or is hidden.
  [[nodiscard]] std::optional<std::string> user_of(std::string_view entry) const;

  /// The directory of a user in `base`, and the Maildir in it (the same when nothing stands behind `%u`).
  [[nodiscard]] std::filesystem::path user_directory(std::string_view user) const;
  [[nodiscard]] std::filesystem::path maildir_of(std::string_view user) const;

  /// True when `path` (absolute) is in a Maildir of some user, or is one.
  [[nodiscard]] bool contains(const std::filesystem::path& path) const;

  [[nodiscard]] const std::string& to_string() const { return text_; }

 private:
  std::string text_;
  std::filesystem::path base_;
  std::string prefix_;          // of the entry, before the user
  std::string suffix_;          // after it
  std::filesystem::path rest_;  // from the user's directory to the Maildir; may be empty
};

}  // namespace evmesh::maildir
