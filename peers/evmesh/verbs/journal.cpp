#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "storage/identity.hpp"
#include "storage/journal.hpp"
#include "storage/state_store.hpp"

#include "evmesh/verbs/journal_export.hpp"
#include "evmesh/verbs/journal_owed.hpp"
#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

/// What was found in a directory, put together.
struct Found {
  std::optional<NodeId> node;
  storage::JournalReport journal;
  std::uint64_t owed = 0;
  std::uint64_t dead_letters = 0;
  std::optional<std::uint64_t> exported;
  std::vector<std::string> damage;
  std::vector<std::string> notes;
};

/// This is the command that errors of a node name.
std::string without_advice(std::string finding) {
  for (const char* advice : {"; \"evmesh journal check", "; `evmesh journal check"}) {
    const std::size_t at = finding.find(advice);
    if (at == std::string::npos) continue;
    // Something may stand behind it.
    const std::size_t end = finding.find("; ", at + 2);
    finding.erase(at, end == std::string::npos ? std::string::npos : end - at);
  }
  return finding;
}

/// Keeps a node from starting here meanwhile. Empty where none has ever started.
Outcome<peers::Fd> keep_nodes_out(const std::filesystem::path& directory) {
  const auto file = directory / "lock";
  peers::Fd lock(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!lock.valid() && errno == ENOENT) return lock;
  if (!lock.valid()) return tl::unexpected(peers::io_failure("open", file, errno));
  if (::flock(lock.get(), LOCK_SH | LOCK_NB) == 0) return lock;
  const auto holder = peers::read_file(file);
  const std::string pid = holder ? holder->substr(0, holder->find_first_not_of("0123456789")) : std::string();
  return end_with(ExitCode::cannot_create, directory.string() + " is in use by process " +
                                               (pid.empty() ? "?" : pid) +
                                               "; stop that node first: what changes cannot be checked");
}

/// One reading of a directory.
class Look {
 public:
  Look(std::filesystem::path directory, storage::Disk& disk)
      : directory_(std::move(directory)), disk_(disk) {}

  Found all(JournalExport* exported) {
    look_at_identity();
    look_at_journal();
    look_at_letters(exported);
    if (exported != nullptr) export_owed(*exported);
    return std::move(found_);
  }

 private:
  void note(const std::string& finding, bool damaged) {
    (damaged ? found_.damage : found_.notes).push_back(without_advice(finding));
  }

  void look_at_identity() {
    const auto owner = storage::journal_owner(disk_);
    const auto kept = storage::Identity::read(directory_);
    found_.node = kept && *kept ? *kept : owner;
    if (!kept) return note(kept.error().message, true);
    if (!*kept && owner) {
      note((directory_ / "identity").string() + ": the file is missing; the journal is that of node " +
               owner->to_string(),
           true);
    }
    if (*kept && owner && **kept != *owner) {
      note(directory_.string() + " is that of node " + (*kept)->to_string() +
               ", but its journal that of node " + owner->to_string() +
               ": put each file back where it came from",
           true);
    }
    if (owner) journal_of_ = *owner;
  }

  void look_at_journal() {
    found_.journal =
        storage::check_journal(disk_, [this](storage::Position position, std::string_view bytes) {
          const auto record = storage::decode_record(bytes, journal_of_);
          if (record) return owed_.take(position, *record);
          note("the record at position " + std::to_string(position) + " of the journal is whole, but " +
                   record.error().message,
               true);
        });
    for (const std::string& finding : found_.journal.findings) note(finding, found_.journal.damaged);
    found_.owed = owed_.count();
  }

  void look_at_letters(JournalExport* exported) {
    const auto report = storage::StateStore::check(directory_, [exported](const storage::LetterRow& letter) {
      if (exported != nullptr) exported->add(letter);
    });
    for (const std::string& finding : report.findings) note(finding, report.damaged);
    found_.dead_letters = report.letters;
  }

  /// Once more from the beginning: only now is known what is still owed, and the events need not be kept in
  /// memory.
  void export_owed(JournalExport& exported) {
    static_cast<void>(storage::check_journal(disk_, [&](storage::Position position, std::string_view bytes) {
      const auto record = storage::decode_record(bytes, journal_of_);
      const auto* const owed = record ? std::get_if<storage::Owed>(&*record) : nullptr;
      if (owed != nullptr) exported.add(position, *owed, owed_);
    }));
    found_.exported = exported.lines();
    if (exported.unreadable() == 0) return;
    note(std::to_string(exported.unreadable()) +
             " of what is kept are whole, but hold no event that this version can read",
         true);
  }

  const std::filesystem::path directory_;
  storage::Disk& disk_;
  NodeId journal_of_;
  Owed owed_;
  Found found_;
};

std::string state_of(const Found& found) {
  if (!found.damage.empty()) return "damaged";
  return found.notes.empty() ? "sound" : "sound, and the next start mends what was left unfinished";
}

Answer answer_of(const std::filesystem::path& directory, const Found& found) {
  Json json{
      {"schema", "evmesh.journal_check.v1"},
      {"directory", directory.string()},
      {"node", found.node ? Json(found.node->to_string()) : Json()},
      {"damaged", !found.damage.empty()},
      {"journal",
       {{"begin", found.journal.begin}, {"end", found.journal.end}, {"records", found.journal.records}}},
      {"owed", found.owed},
      {"dead_letters", found.dead_letters},
      {"exported", found.exported ? Json(*found.exported) : Json()},
      {"damage", found.damage},
      {"notes", found.notes}};
  Answer answer;
  answer.json = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  Table facts{{"FIELD", "VALUE"}, {{"directory", directory.string()}}};
  if (found.node) facts.rows.push_back({"node", found.node->to_string()});
  facts.rows.push_back({"state", state_of(found)});
  facts.rows.push_back({"records", std::to_string(found.journal.records)});
  facts.rows.push_back({"owed", std::to_string(found.owed)});
  facts.rows.push_back({"dead letters", std::to_string(found.dead_letters)});
  if (found.exported) facts.rows.push_back({"exported", std::to_string(*found.exported)});
  answer.tables.push_back(std::move(facts));
  Table findings{{"KIND", "FOUND"}, {}};
  for (const std::string& each : found.damage) findings.rows.push_back({"damage", each});
  for (const std::string& each : found.notes) findings.rows.push_back({"note", each});
  if (!findings.rows.empty()) answer.tables.push_back(std::move(findings));
  return answer;
}

Outcome<std::optional<JournalExport>> begin_export(const std::filesystem::path& directory,
                                                   const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto file = std::filesystem::absolute(name);
  std::error_code error;
  if (std::filesystem::equivalent(file.parent_path(), directory, error)) {
    return end_with(ExitCode::usage, "--export " + base::quoted(name) +
                                         " lies in the directory that is checked; name a file outside");
  }
  auto created = JournalExport::create(file);
  if (!created) return tl::unexpected(created.error());
  return std::move(*created);
}

peers::Failure damage_failure(const std::filesystem::path& directory, const Found& found) {
  std::string message = directory.string() + " is damaged: a node refuses to start on it. To go on, ";
  if (!found.exported) message += "export what can be read (--export FILE), ";
  message +=
      "keep a copy, move the directory away, start the node anew, and put the export back with evmesh "
      "dead-letter import FILE and evmesh dead-letter redeliver";
  return {ExitCode::data, std::move(message)};
}

bool is_of_node(std::string_view name) {
  return name == "identity" || name.starts_with("journal") || name.starts_with("state.");
}

Outcome<void> run_check(Session& session, const Arguments& arguments) {
  const std::filesystem::path directory = arguments.words[0];
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return end_with(ExitCode::usage, base::quoted(arguments.words[0]) +
                                        " is no directory; name the one that the node has as node.data-dir");
  }
  const auto lock = keep_nodes_out(directory);
  if (!lock) return tl::unexpected(lock.error());
  const auto disk = storage::open_disk_to_read(directory);
  if (!disk) return end_with(ExitCode::io, disk.error().message);
  const auto names = (*disk)->list();
  if (!names) return end_with(ExitCode::io, names.error().message);
  if (std::ranges::none_of(*names, is_of_node)) {
    return end_with(
        ExitCode::data,
        directory.string() + " holds nothing of a node; name the directory that it has as node.data-dir");
  }
  auto exported = begin_export(directory, arguments.text("export"));
  if (!exported) return tl::unexpected(exported.error());

  const Found found = Look(directory, **disk).all(*exported ? &**exported : nullptr);
  if (*exported) {
    if (auto finished = (*exported)->finish(); !finished) return finished;
  }
  if (auto printed = session.output().print(answer_of(directory, found)); !printed) return printed;
  if (!found.damage.empty()) return tl::unexpected(damage_failure(directory, found));
  return {};
}

}  // namespace

Verb journal_check_verb() {
  Verb verb;
  verb.name = "journal check";
  verb.words = "DIR";
  verb.words_min = 1;
  verb.words_max = 1;
  verb.summary = "Whether the files of a node that is stopped are sound; changes nothing.";
  verb.examples =
      "  evmesh journal check /var/lib/evmesh\n  evmesh journal check ./data --export readable.jsonl\n";
  verb.flags = {{"export", "FILE", "write what is owed and dead, as far as it can be read, to a new file"}};
  verb.run = run_check;
  return verb;
}

}  // namespace evmesh::cli
