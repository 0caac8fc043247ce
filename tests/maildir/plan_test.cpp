#include "evmesh-maildir/plan.hpp"

#include <string>

#include <catch2/catch.hpp>

#include "evmesh-maildir/event_maker.hpp"

using namespace evmesh::maildir;
using evmesh::mailbox::SystemFlag;

namespace {

struct Planned {
  UserState state;
  UserScan scan;
  Patience patience;
  int ids = 0;

  SeenFolder& folder(const std::string& name) {
    for (SeenFolder& folder : scan.folders) {
      if (folder.name == name) return folder;
    }
    const auto number = scan.folders.size() + 1;
    scan.folders.push_back({.name = name, .identity = {number, 1}, .messages = {}});
    return scan.folders.back();
  }

  void see(const std::string& name, const std::string& base) {
    folder(name).messages[base].file.inode = std::hash<std::string>{}(base);
  }

  /// The steps, as words; the state is up to date afterwards.
  std::vector<std::string> steps() {
    struct Words {
      std::string operator()(const KeepIdentity& s) const { return "keep " + s.folder; }
      std::string operator()(const RenameFolder& s) const { return "rename " + s.folder + ' ' + s.new_name; }
      std::string operator()(const AddFolder& s) const { return "folder " + s.folder + ' ' + s.name; }
      std::string operator()(const AddMessages& s) const {
        return "add " + s.folder + ' ' + std::to_string(s.messages.size()) + (s.delivery ? " new" : "");
      }
      std::string operator()(const MoveMessages& s) const {
        return "move " + s.from + ' ' + s.to + ' ' + std::to_string(s.messages.size());
      }
      std::string operator()(const ReflagMessages& s) const { return "flag " + s.folder; }
      std::string operator()(const ExpungeMessages& s) const { return "expunge " + s.folder; }
      std::string operator()(const DeleteFolder& s) const { return "delete " + s.folder; }
    };
    std::vector<std::string> words;
    for (const Step& step : plan(state, scan, patience, [&] { return 'f' + std::to_string(++ids); })) {
      words.push_back(std::visit(Words{}, step));
      apply_changes(state, make(step, state, {"alice", 1}).changes);
    }
    return words;
  }
};

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a first look adds folders, then what is in them, deliveries apart", "[maildir][plan]") {
  Planned planned;
  planned.see("INBOX", "1");
  planned.see("INBOX", "2");
  planned.folder("INBOX").messages["2"].flags.insert(SystemFlag::recent);

  CHECK(planned.steps() == Words{"folder f1 INBOX", "add f1 1", "add f1 1 new"});
  CHECK(planned.steps() == Words{});
}

TEST_CASE("a step has at most 256 messages", "[maildir][plan]") {
  Planned planned;
  for (int i = 0; i < 513; ++i) planned.see("INBOX", std::to_string(i));

  CHECK(planned.steps() == Words{"folder f1 INBOX", "add f1 256", "add f1 256", "add f1 1"});
}

TEST_CASE("a message that went to another folder is moved", "[maildir][plan]") {
  Planned planned;
  planned.see("INBOX", "1");
  planned.folder("Work");
  (void)planned.steps();
  planned.folder("INBOX").messages.clear();
  planned.see("Work", "1");

  CHECK(planned.steps() == Words{"move f1 f2 1"});
}

TEST_CASE("a move in a Maildir that is changing waits as a whole", "[maildir][plan]") {
  Planned planned;
  planned.see("INBOX", "1");
  planned.folder("Work");
  (void)planned.steps();
  planned.folder("INBOX").messages.clear();
  planned.see("Work", "1");
  planned.see("Work", "2");
  planned.scan.quiet = false;

  CHECK(planned.steps() == Words{"add f2 1"});
  CHECK(planned.patience.waiting());
  planned.scan.quiet = true;
  CHECK(planned.steps() == Words{"move f1 f2 1"});
}

TEST_CASE("a folder that went after its messages did is deleted last", "[maildir][plan]") {
  Planned planned;
  planned.folder("INBOX");
  planned.see("Work", "1");
  planned.see("Work", "2");
  (void)planned.steps();
  planned.scan.folders.pop_back();
  planned.see("INBOX", "1");

  CHECK(planned.steps() == Words{"move f2 f1 1", "delete f2"});
}

TEST_CASE("a deleted folder makes room for another of its name first", "[maildir][plan]") {
  Planned planned;
  planned.folder("INBOX");
  planned.see("Work", "1");
  (void)planned.steps();
  planned.folder("Work") = {.name = "Work", .identity = {99, 99}, .messages = {}};

  CHECK(planned.steps() == Words{"delete f2", "folder f3 Work"});
}

TEST_CASE("renames go in an order that never gives one name to two folders", "[maildir][plan]") {
  Planned planned;
  planned.folder("A");
  planned.folder("B");
  (void)planned.steps();
  planned.scan.folders[0].name = "B";
  planned.scan.folders[1].name = "C";

  CHECK(planned.steps() == Words{"rename f2 C", "rename f1 B"});
}

TEST_CASE("two folders that swapped names are both renamed", "[maildir][plan]") {
  Planned planned;
  planned.folder("A");
  planned.folder("B");
  (void)planned.steps();
  std::swap(planned.scan.folders[0].name, planned.scan.folders[1].name);

  CHECK(planned.steps().size() == 2);
  CHECK(planned.state.folders.at("f1").name == "B");
}

TEST_CASE("a restored folder keeps its id without a word", "[maildir][plan]") {
  Planned planned;
  planned.see("Work", "1");
  (void)planned.steps();
  planned.folder("Work").identity = {1234, 5};

  CHECK(planned.steps() == Words{"keep f1"});
  CHECK(planned.steps() == Words{});
}

TEST_CASE("flags and expunges are told by folder", "[maildir][plan]") {
  Planned planned;
  planned.see("INBOX", "1");
  planned.see("INBOX", "2");
  (void)planned.steps();
  planned.folder("INBOX").messages.erase("1");
  planned.folder("INBOX").messages["2"].flags.insert(SystemFlag::seen);

  CHECK(planned.steps() == Words{"flag f1", "expunge f1"});
}
