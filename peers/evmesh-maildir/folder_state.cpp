#include "evmesh-maildir/folder_state.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "evmesh-maildir/maildir_name.hpp"

namespace evmesh::maildir {
namespace {

bool share_a_message(const FolderState& told, const SeenFolder& seen) {
  return std::any_of(told.messages.begin(), told.messages.end(),
                     [&](const auto& entry) { return seen.messages.contains(entry.first); });
}

/// The directory is the one we know. Where no time of birth is kept an inode number alone proves little.
bool same_directory(const FolderState& told, const SeenFolder& seen) {
  if (told.identity != seen.identity) return false;
  if ((told.name == inbox) != (seen.name == inbox)) return false;
  return seen.identity.born_ns != 0 || told.name == seen.name || !seen.readable ||
         share_a_message(told, seen) || (told.messages.empty() && seen.messages.empty());
}

/// Another directory of the same name that stands for the same mailbox.
bool same_by_name(const FolderState& told, const SeenFolder& seen) {
  if (told.name != seen.name) return false;
  return seen.name == inbox || !seen.readable || share_a_message(told, seen);
}

}  // namespace

FolderMatches match_folders(const UserState& state, const UserScan& scan) {
  std::set<std::string> open;
  for (const auto& [id, folder] : state.folders) open.insert(id);
  std::vector<std::string> found(scan.folders.size());

  for (const auto same : {&same_directory, &same_by_name}) {
    for (std::size_t i = 0; i < scan.folders.size(); ++i) {
      if (!found[i].empty()) continue;
      const auto match = std::find_if(open.begin(), open.end(), [&](const std::string& id) {
        return same(state.folders.at(id), scan.folders[i]);
      });
      if (match == open.end()) continue;
      found[i] = *match;
      open.erase(match);
    }
  }

  FolderMatches matches;
  for (std::size_t i = 0; i < scan.folders.size(); ++i) {
    if (found[i].empty()) {
      matches.fresh.push_back(&scan.folders[i]);
    } else {
      matches.known.push_back({found[i], &scan.folders[i]});
    }
  }
  matches.gone.assign(open.begin(), open.end());
  return matches;
}

MessageDifferences compare_messages(const UserState& state, const FolderMatches& matches) {
  MessageDifferences differences;
  for (const auto& [id, seen] : matches.known) {
    if (!seen->readable) continue;
    for (const auto& [base, told] : state.folders.at(id).messages) {
      const auto now = seen->messages.find(base);
      if (now == seen->messages.end()) {
        differences.missing.push_back({id, base, told.file});
      } else if (now->second.flags != told.flags) {
        differences.reflagged.push_back({id, base, now->second.flags});
      }
    }
  }
  for (const std::string& id : matches.gone) {
    for (const auto& [base, told] : state.folders.at(id).messages)
      differences.missing.push_back({id, base, told.file});
  }
  std::sort(differences.missing.begin(), differences.missing.end(), [](const Located& a, const Located& b) {
    return std::tie(a.folder, a.base) < std::tie(b.folder, b.base);
  });
  return differences;
}

std::vector<std::pair<std::string, SeenMessage>> appeared_in(const SeenFolder& folder,
                                                             const FolderState* known) {
  std::vector<std::pair<std::string, SeenMessage>> appeared;
  if (!folder.readable) return appeared;
  for (const auto& message : folder.messages) {
    if (known == nullptr || !known->messages.contains(message.first)) appeared.push_back(message);
  }
  std::sort(appeared.begin(), appeared.end(), [](const auto& a, const auto& b) {
    return std::tie(a.second.file.modified, a.first) < std::tie(b.second.file.modified, b.first);
  });
  return appeared;
}

std::vector<bool> Patience::believe(const std::vector<Name>& missing, bool quiet) {
  std::map<Name, unsigned> missed;
  std::vector<bool> believed;
  waiting_ = false;
  for (const Name& name : missing) {
    const auto before = missed_.find(name);
    const unsigned times = before == missed_.end() ? 1 : before->second + 1;
    missed[name] = times;
    believed.push_back(quiet || times >= believed_after);
    waiting_ = waiting_ || !believed.back();
  }
  missed_ = std::move(missed);
  return believed;
}

}  // namespace evmesh::maildir
