#include "evmesh-maildir/plan.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace evmesh::maildir {
namespace {

/// Adds `item` to the last step of this kind and place, or to a new one when that is full.
template <class StepType, class Item>
void append_to(std::vector<StepType>& steps, StepType empty, Item item, bool same_place) {
  if (steps.empty() || !same_place || steps.back().messages.size() == step_messages_max) {
    steps.push_back(std::move(empty));
  }
  steps.back().messages.push_back(std::move(item));
}

class Planner {
 public:
  Planner(const UserState& state, const UserScan& scan, const std::function<std::string()>& new_id)
      : state_(state), matches_(match_folders(state, scan)), differences_(compare_messages(state, matches_)) {
    for (const KnownFolder& known : matches_.known) {
      collect(known.id, *known.seen, &state.folders.at(known.id));
    }
    for (const SeenFolder* fresh : matches_.fresh) {
      const std::string id = new_id();
      fresh_.push_back({id, fresh->name, fresh->identity});
      collect(id, *fresh, nullptr);
    }
  }

  /// Everything that was told and is not there, for `Patience`: messages first, then folders.
  std::vector<Patience::Name> missing() const {
    std::vector<Patience::Name> names;
    for (const Located& message : differences_.missing) names.emplace_back(message.folder, message.base);
    for (const std::string& id : matches_.gone) names.emplace_back(id, std::string());
    return names;
  }

  std::vector<Step> steps(const std::vector<bool>& believed) {
    sort_out(believed);
    delete_folders(true);
    rename_folders();
    for (AddFolder& folder : fresh_) steps_.emplace_back(std::move(folder));
    move_messages();
    add_messages();
    reflag_messages();
    expunge_messages();
    delete_folders(false);
    return std::move(steps_);
  }

 private:
  void collect(const std::string& id, const SeenFolder& seen, const FolderState* known) {
    for (NamedMessage& message : appeared_in(seen, known)) {
      appeared_.push_back({id, message.first, message.second.file});
      appeared_messages_.push_back(std::move(message));
    }
  }

  /// Decides for each missing and each appeared message whether it is moved, simply there or gone, or has to
  /// wait.
  void sort_out(const std::vector<bool>& believed) {
    const std::size_t messages = differences_.missing.size();
    missing_left_.assign(believed.begin(), believed.begin() + static_cast<std::ptrdiff_t>(messages));
    appeared_left_.assign(appeared_.size(), true);
    for (const Move& move : find_moves(differences_.missing, appeared_)) {
      appeared_left_[move.to] = false;
      if (!believed[move.from]) continue;
      missing_left_[move.from] = false;
      moves_.push_back(move);
      left_by_move_.insert(differences_.missing[move.from].folder);
    }
    for (std::size_t i = 0; i < matches_.gone.size(); ++i) {
      if (believed[messages + i]) gone_.insert(matches_.gone[i]);
    }
  }

  /// A folder from which messages were moved goes last; any other goes first, so that its name is free.
  void delete_folders(bool early) {
    for (const std::string& id : gone_) {
      if (left_by_move_.contains(id) != early) steps_.emplace_back(DeleteFolder{id});
    }
  }

  void rename_folders() {
    std::vector<RenameFolder> renames;
    for (const auto& [id, seen] : matches_.known) {
      const FolderState& told = state_.folders.at(id);
      if (told.name != seen->name) {
        renames.push_back({id, seen->name, seen->identity});
      } else if (told.identity != seen->identity) {
        steps_.emplace_back(KeepIdentity{id, seen->identity});
      }
    }
    while (!renames.empty()) {
      // First one whose new name nobody has any more; when two swap names there is none, and any will do.
      const auto taken = [&](const RenameFolder& rename) {
        return std::any_of(renames.begin(), renames.end(), [&](const RenameFolder& other) {
          return state_.folders.at(other.folder).name == rename.new_name;
        });
      };
      auto next = std::find_if_not(renames.begin(), renames.end(), taken);
      if (next == renames.end()) next = renames.begin();
      steps_.emplace_back(std::move(*next));
      renames.erase(next);
    }
  }

  void move_messages() {
    std::map<std::pair<std::string, std::string>, std::vector<MoveMessages>> by_folders;
    for (const Move& move : moves_) {
      const Located& from = differences_.missing[move.from];
      const std::string& to = appeared_[move.to].folder;
      append_to(by_folders[{from.folder, to}], MoveMessages{from.folder, to, {}},
                std::pair(from.base, appeared_messages_[move.to]), true);
    }
    for (auto& [folders, steps] : by_folders) append(steps);
  }

  void add_messages() {
    std::vector<AddMessages> steps;
    for (std::size_t i = 0; i < appeared_.size(); ++i) {
      if (!appeared_left_[i]) continue;
      const bool delivery = appeared_messages_[i].second.flags.contains(mailbox::SystemFlag::recent);
      const std::string& folder = appeared_[i].folder;
      const bool same_place =
          !steps.empty() && steps.back().folder == folder && steps.back().delivery == delivery;
      append_to(steps, AddMessages{folder, delivery, {}}, appeared_messages_[i], same_place);
    }
    append(steps);
  }

  void reflag_messages() {
    std::vector<ReflagMessages> steps;
    for (const Reflagged& message : differences_.reflagged) {
      const bool same_place = !steps.empty() && steps.back().folder == message.folder;
      append_to(steps, ReflagMessages{message.folder, {}}, std::pair(message.base, message.flags),
                same_place);
    }
    append(steps);
  }

  /// Messages that went with their folder are told by its deletion.
  void expunge_messages() {
    const std::set<std::string> with_folder(matches_.gone.begin(), matches_.gone.end());
    std::vector<ExpungeMessages> steps;
    for (std::size_t i = 0; i < differences_.missing.size(); ++i) {
      const Located& message = differences_.missing[i];
      if (!missing_left_[i] || with_folder.contains(message.folder)) continue;
      const bool same_place = !steps.empty() && steps.back().folder == message.folder;
      append_to(steps, ExpungeMessages{message.folder, {}}, message.base, same_place);
    }
    append(steps);
  }

  template <class StepType>
  void append(std::vector<StepType>& steps) {
    for (StepType& step : steps) steps_.emplace_back(std::move(step));
  }

  const UserState& state_;
  FolderMatches matches_;
  MessageDifferences differences_;
  std::vector<AddFolder> fresh_;
  std::vector<Located> appeared_;
  std::vector<NamedMessage> appeared_messages_;  // the same messages
  std::vector<Move> moves_;
  std::vector<bool> missing_left_;   // to be expunged
  std::vector<bool> appeared_left_;  // to be added
  std::set<std::string> gone_;       // believed
  std::set<std::string> left_by_move_;
  std::vector<Step> steps_;
};

}  // namespace

std::vector<Step> plan(const UserState& state, const UserScan& scan, Patience& patience,
                       const std::function<std::string()>& new_id) {
  Planner planner(state, scan, new_id);
  return planner.steps(patience.believe(planner.missing(), scan.quiet));
}

}  // namespace evmesh::maildir
