#include "evmesh-maildir/state_log.hpp"

#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace evmesh::maildir {
namespace {

using Json = nlohmann::json;

constexpr std::string_view format_name = "evmesh-maildir-state";
constexpr int format_version = 1;
constexpr std::size_t checksum_chars = 16;
constexpr std::size_t changes_per_line = 1024;

mailbox::SystemFlags flags_from(std::uint8_t bits) {
  mailbox::SystemFlags flags;
  for (unsigned n = 0; n < 6; ++n) {
    if ((bits >> n & 1U) != 0) flags.insert(static_cast<mailbox::SystemFlag>(n));
  }
  return flags;
}

struct ChangeToJson {
  Json operator()(const PutFolder& c) const {
    return {"F",        c.id,          c.name, c.identity.inode, c.identity.born_ns, c.uid_validity,
            c.last_uid, c.last_mod_seq};
  }
  Json operator()(const DropFolder& c) const { return {"f", c.id}; }
  Json operator()(const PutMessage& c) const {
    const MessageState& m = c.message;
    return {"M",          c.folder,    c.base,
            m.uid,        m.mod_seq,   m.flags.bits(),
            m.file.inode, m.file.size, m.file.modified.time_since_epoch().count()};
  }
  Json operator()(const DropMessage& c) const { return {"m", c.folder, c.base, c.mod_seq}; }
};

Json to_json(const std::vector<Change>& changes) {
  Json list = Json::array();
  for (const Change& change : changes) list.push_back(std::visit(ChangeToJson{}, change));
  return list;
}

/// A number that JSON holds as one; throws Json::exception otherwise, which `read_line` turns into an error.
template <class T>
T number(const Json& json) {
  if (!json.is_number_integer()) throw Json::type_error::create(302, "not a whole number", &json);
  return json.get<T>();
}

Change change_from(const Json& json) {
  const std::string kind = json.at(0).get<std::string>();
  const auto text = [&](std::size_t at) { return json.at(at).get<std::string>(); };
  const auto count = [&](std::size_t at) { return number<std::uint64_t>(json.at(at)); };
  if (kind == "F") {
    return PutFolder{text(1),  text(2),  {count(3), number<std::int64_t>(json.at(4))},
                     count(5), count(6), count(7)};
  }
  if (kind == "f") return DropFolder{text(1)};
  if (kind == "m") return DropMessage{text(1), text(2), count(3)};
  if (kind != "M") throw Json::other_error::create(501, "unknown change " + base::quoted(kind), &json);
  const mailbox::Instant modified{std::chrono::nanoseconds{number<std::int64_t>(json.at(8))}};
  return PutMessage{text(1), text(2),
                    MessageState{.uid = count(3),
                                 .mod_seq = count(4),
                                 .flags = flags_from(number<std::uint8_t>(json.at(5))),
                                 .file = {count(6), count(7), modified}}};
}

std::vector<Change> changes_from(const Json& list) {
  std::vector<Change> changes;
  for (const Json& change : list) changes.push_back(change_from(change));
  return changes;
}

Json to_json(const Batch& batch, const std::vector<Change>& changes) {
  Json events = Json::array();
  for (const OutgoingEvent& event : batch.events)
    events.push_back({{"event", event.event}, {"keys", event.keys}});
  return {{"batch", batch.number}, {"events", std::move(events)}, {"changes", to_json(changes)}};
}

Batch batch_from(const Json& json) {
  Batch batch{.number = number<std::uint64_t>(json.at("batch")), .events = {}, .changes = {}};
  for (const Json& event : json.at("events")) {
    batch.events.push_back(
        {event.at("event").get<std::string>(), event.at("keys").get<std::vector<std::string>>()});
  }
  return batch;
}

std::vector<Change> everything_in(const UserState& state) {
  std::vector<Change> changes;
  for (const auto& [id, folder] : state.folders) {
    changes.emplace_back(put(folder));
    for (const auto& [base, message] : folder.messages) changes.emplace_back(PutMessage{id, base, message});
  }
  return changes;
}

std::string checksum(std::string_view chain, std::string_view json) {
  return fmt::format("{:016x}", base::hash64(std::string(chain).append(json)));
}

/// Reads line by line what a file holds.
class Reader {
 public:
  Reader(std::string_view bytes, std::string user) : bytes_(bytes), user_(std::move(user)) {}

  Result<LoadedState> read() {
    while (!bytes_.empty()) {
      const std::size_t end = bytes_.find('\n');
      if (end == std::string_view::npos) break;
      ++line_;
      if (auto error = read_line(bytes_.substr(0, end)); !error.empty()) return damaged(error);
      bytes_.remove_prefix(end + 1);
    }
    loaded_.torn = !bytes_.empty();
    if (!snapshot_complete_) return damaged("the snapshot has no end");
    return std::move(loaded_);
  }

  const std::string& chain() const { return chain_; }

 private:
  tl::unexpected<Error> damaged(const std::string& why) const {
    return fail(ErrorCode::undecodable, "line " + std::to_string(line_) + ": " + why);
  }

  /// What is wrong with the line; empty when nothing is.
  std::string read_line(std::string_view text) {
    if (text.size() <= checksum_chars || text[checksum_chars] != ' ') return "no checksum";
    const std::string_view json_text = text.substr(checksum_chars + 1);
    const std::string expected = checksum(chain_, json_text);
    if (text.substr(0, checksum_chars) != expected) return "the checksum does not fit";
    chain_ = expected;
    try {
      return take(Json::parse(json_text));
    } catch (const Json::exception& error) {
      return error.what();
    }
  }

  std::string take(const Json& json) {
    if (line_ == 1) return take_header(json);
    if (json.contains("batch")) {
      loaded_.pending = batch_from(json);
      loaded_.last_batch = loaded_.pending->number;
      apply_changes(loaded_.state, changes_from(json.at("changes")));
    } else if (json.contains("changes")) {
      apply_changes(loaded_.state, changes_from(json.at("changes")));
    } else if (json.contains("snapshot")) {
      snapshot_complete_ = true;
      loaded_.last_batch = number<std::uint64_t>(json.at("snapshot"));
    } else if (loaded_.pending && number<std::uint64_t>(json.at("done")) == loaded_.pending->number) {
      loaded_.pending.reset();
    }
    return {};
  }

  std::string take_header(const Json& json) const {
    if (json.at("format") != format_name) return "no state of evmesh-maildir";
    if (json.at("version") != format_version)
      return "version " + json.at("version").dump() + " is not known; this program knows 1";
    if (json.at("user") != user_) return "it belongs to user " + json.at("user").dump();
    return {};
  }

  std::string_view bytes_;
  std::string user_;
  std::string chain_;
  LoadedState loaded_;
  std::size_t line_ = 0;
  bool snapshot_complete_ = false;
};

}  // namespace

std::string StateLogWriter::line(const std::string& json) {
  chain_ = checksum(chain_, json);
  return chain_ + ' ' + json + '\n';
}

std::string StateLogWriter::snapshot(const UserState& state, const Batch* pending, std::uint64_t last_batch) {
  chain_.clear();
  std::string lines =
      line(Json{{"format", format_name}, {"version", format_version}, {"user", user_}}.dump());
  const std::vector<Change> changes = everything_in(state);
  for (std::size_t at = 0; at < changes.size(); at += changes_per_line) {
    const auto first = changes.begin() + static_cast<std::ptrdiff_t>(at);
    const auto last =
        changes.begin() + static_cast<std::ptrdiff_t>(std::min(at + changes_per_line, changes.size()));
    lines += line(Json{{"changes", to_json(std::vector<Change>(first, last))}}.dump());
  }
  lines += line(Json{{"snapshot", last_batch}}.dump());
  if (pending != nullptr) lines += line(to_json(*pending, {}).dump());
  return lines;
}

std::string StateLogWriter::batch(const Batch& batch) { return line(to_json(batch, batch.changes).dump()); }

std::string StateLogWriter::done(std::uint64_t number) { return line(Json{{"done", number}}.dump()); }

Result<LoadedState> read_state_log(std::string_view bytes, StateLogWriter& writer) {
  Reader reader(bytes, writer.user_);
  auto loaded = reader.read();
  if (loaded) writer.chain_ = reader.chain();
  return loaded;
}

}  // namespace evmesh::maildir
