#include "evmesh/verbs/journal_export.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "event/instant.hpp"
#include "event/json_view.hpp"
#include "wire/event_codec.hpp"
#include "work/letter_id.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t buffer_bytes = 1U << 20;

Json json_of(const Attempt& attempt) {
  return {{"number", attempt.number},
          {"time", event::format_instant(attempt.time)},
          {"node", attempt.node.to_string()},
          {"error", attempt.error}};
}

std::string text_of(const storage::DispatchId& id) {
  return id.owner.to_string() + '/' + std::to_string(id.epoch) + '/' + std::to_string(id.seq);
}

Json json_of(const wire::ReceivedEvent& received) {
  Json json = Json::parse(event::to_json_view(received.event));
  json["keys"] = Json::array();
  for (const RegistrationKey& key : received.keys) json["keys"].push_back(key.to_string());
  return json;
}

}  // namespace

peers::Outcome<JournalExport> JournalExport::create(const std::filesystem::path& file) {
  peers::Fd opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (opened.valid()) return JournalExport(file, std::move(opened));
  return peers::end_with(
      peers::ExitCode::cannot_create,
      "cannot make " + file.string() + ": " + peers::errno_text(errno) + "; --export names a new file");
}

void JournalExport::add(const storage::LetterRow& letter) {
  const auto record = storage::decode_record(letter.history, NodeId{});
  const auto* const past = record ? std::get_if<storage::Owed>(&*record) : nullptr;
  if (past == nullptr) {
    ++unreadable_;
    return;
  }
  Line line{letter.id, letter.bus, letter.group, past->id, past->groups.front().generation, past->time, {}};
  for (const storage::PastAttempt& attempt : past->groups.front().history) {
    line.attempts.push_back({attempt.number, attempt.time, attempt.node, std::string(attempt.error)});
  }
  write(line, letter.event);
}

void JournalExport::add(storage::Position position, const storage::Owed& record, const Owed& debts) {
  for (const storage::OwedGroup& group : record.groups) {
    const std::uint64_t hash = storage::group_hash(record.bus, group.name);
    const Owed::Debt* const debt = debts.find(position, record.id, hash);
    if (debt == nullptr) continue;
    const auto id = work::letter_id({record.id, hash, debt->generation}, record.time);
    write({id, std::string(record.bus), std::string(group.name), record.id, debt->generation, record.time,
           debt->attempts},
          record.event);
  }
}

void JournalExport::write(const Line& line, std::string_view event) {
  const auto received = wire::decode_event(event);
  if (!received) {
    ++unreadable_;
    return;
  }
  if (!written_.insert(line.id).second) return;
  Json json{{"id", line.id.to_string()},  {"bus", line.bus},
            {"group", line.group},        {"dispatch", text_of(line.dispatch)},
            {"returns", line.generation}, {"accepted", event::format_instant(line.accepted)},
            {"attempts", Json::array()},  {"event", json_of(*received)}};
  for (const Attempt& attempt : line.attempts) json["attempts"].push_back(json_of(attempt));
  // What a listener said need not be UTF-8.
  buffer_ += json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  if (buffer_.size() > buffer_bytes) flush();
}

void JournalExport::flush() {
  if (error_ == 0) error_ = peers::write_fully(file_.get(), buffer_);
  buffer_.clear();
}

peers::Outcome<void> JournalExport::finish() {
  flush();
  if (error_ == 0 && ::fsync(file_.get()) != 0) error_ = errno;
  if (error_ == 0) return {};
  return tl::unexpected(peers::io_failure("write", path_, error_));
}

}  // namespace evmesh::cli
