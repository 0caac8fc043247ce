// The verbs that put dead letters back, take them away, and carry them elsewhere.
#include <fstream>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/limits.hpp"
#include "base/text.hpp"

#include "common/files.hpp"
#include "evmesh/verbs/task_watch.hpp"
#include "evmesh/verbs/verbs.hpp"
#include "evmesh/verbs/work_rows.hpp"

namespace evmesh::cli {
namespace {

using Json = nlohmann::ordered_json;
using peers::end_with;
using peers::ExitCode;
using peers::Outcome;

constexpr std::size_t ids_max = 100;
constexpr std::size_t import_lines_max = 500;
constexpr std::size_t import_bytes_max = 1 << 20;
constexpr std::size_t line_bytes_max = 64 * limits::mib;

/// The letters that are meant: by their ids, by a filter, or all of them, which must be said. One query for
/// each id, else one.
Outcome<std::vector<std::string>> chosen(const Arguments& arguments) {
  auto filter = filter_query(arguments);
  if (!filter) return tl::unexpected(filter.error());
  const bool some = !filter->empty();
  const int ways = (arguments.words.empty() ? 0 : 1) + (some ? 1 : 0) + (arguments.has("all") ? 1 : 0);
  if (ways != 1) {
    return end_with(ExitCode::usage, "say which dead letters: their ids, or flags like -g GROUP, or --all");
  }
  if (arguments.words.empty()) return std::vector<std::string>{*filter};
  std::vector<std::string> queries;
  for (const std::string& id : arguments.words) queries.push_back("&id=" + escaped_for_url(id));
  return queries;
}

Outcome<std::string> redelivery_query(const Arguments& arguments) {
  std::string query;
  const auto limit = arguments.number("limit", 0, 1, INT64_MAX);
  if (!limit) return tl::unexpected(limit.error());
  if (*limit != 0) query += fmt::format("&limit={}", *limit);
  if (arguments.has("rate")) {
    std::string rate = arguments.text("rate");
    if (rate.ends_with("/s")) rate.resize(rate.size() - 2);
    query += "&rate=" + escaped_for_url(rate);
  }
  if (arguments.has("dry-run")) query += "&dry_run=1";
  return query + local_query(arguments, '&');
}

Outcome<void> run_redeliver(Session& session, const Arguments& arguments) {
  const auto queries = chosen(arguments);
  if (!queries) return tl::unexpected(queries.error());
  const auto how = redelivery_query(arguments);
  if (!how) return tl::unexpected(how.error());
  std::vector<std::string> documents;
  std::vector<std::string> ids;
  for (const std::string& query : *queries) {
    std::string all = query + *how;
    if (!all.empty()) all.front() = '?';
    auto task = session.post("/api/v1/dead-letters/redeliver" + all, "");
    if (!task) return tl::unexpected(task.error());
    ids.push_back(Json::parse(*task).at("id"));
    documents.push_back(std::move(*task));
  }
  if (arguments.has("wait") || arguments.has("dry-run")) {
    return wait_for_tasks(session, ids, arguments.has("local"));
  }
  if (auto printed = print_tasks(session, documents); !printed) return printed;
  session.output().note("it goes on in the node; evmesh task wait " + ids.back() + " waits for it");
  return {};
}

// Removal.

Outcome<void> ask_first(const Session& session, const Arguments& arguments, std::uint64_t count) {
  if (arguments.has("yes") || count == 0) return {};
  const std::string what = fmt::format("{} dead letter{}", count, count == 1 ? "" : "s");
  if (::isatty(STDIN_FILENO) == 0) {
    return end_with(ExitCode::usage, "this would remove " + what + " for good; say --yes");
  }
  session.output().note("remove " + what + " for good? [y/N]");
  std::string line;
  std::getline(std::cin, line);
  if (line == "y" || line == "yes") return {};
  return end_with(ExitCode::negative, "nothing was removed");
}

Outcome<void> export_to(Session& session, const std::string& query, int fd, const std::string& name);

/// The letters' lines in a new file, on the disk when this returns.
Outcome<void> export_to_file(Session& session, const std::string& query, const std::string& file) {
  peers::Fd opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!opened.valid()) {
    return end_with(ExitCode::cannot_create,
                    "cannot create " + base::quoted(file) + ": " + peers::errno_text(errno));
  }
  if (auto written = export_to(session, query, opened.get(), file); !written) return written;
  if (::fsync(opened.get()) != 0) return tl::unexpected(peers::io_failure("sync", file, errno));
  return {};
}

Outcome<std::uint64_t> remove_filtered(Session& session, const Arguments& arguments,
                                       const std::string& filter) {
  std::string query = filter + local_query(arguments, '&');
  if (!query.empty()) query.front() = '?';
  const auto counted = session.get("/api/v1/dead-letters/count" + query);
  if (!counted) return tl::unexpected(counted.error());
  const auto count = Json::parse(*counted).at("count").get<std::uint64_t>();
  if (auto sure = ask_first(session, arguments, count); !sure) return tl::unexpected(sure.error());
  if (arguments.has("export")) {
    if (auto kept = export_to_file(session, filter + local_query(arguments, '&'), arguments.text("export"));
        !kept)
      return tl::unexpected(kept.error());
  }
  const auto removed = session.remove(
      fmt::format("/api/v1/dead-letters?confirm={}{}{}", count, filter, local_query(arguments, '&')));
  if (!removed) return tl::unexpected(removed.error());
  return Json::parse(*removed).at("removed").get<std::uint64_t>();
}

Outcome<std::uint64_t> remove_named(Session& session, const Arguments& arguments) {
  if (arguments.has("export"))
    return end_with(ExitCode::usage, "--export goes with flags like -g, not with ids");
  if (auto sure = ask_first(session, arguments, arguments.words.size()); !sure)
    return tl::unexpected(sure.error());
  std::uint64_t count = 0;
  for (const std::string& id : arguments.words) {
    const auto removed =
        session.remove("/api/v1/dead-letters/" + escaped_for_url(id) + local_query(arguments, '?'));
    if (!removed) return tl::unexpected(removed.error());
    ++count;
  }
  return count;
}

Outcome<void> run_rm(Session& session, const Arguments& arguments) {
  const auto queries = chosen(arguments);
  if (!queries) return tl::unexpected(queries.error());
  const auto removed = arguments.words.empty() ? remove_filtered(session, arguments, queries->front())
                                               : remove_named(session, arguments);
  if (!removed) return tl::unexpected(removed.error());
  Answer answer;
  answer.tables.push_back({{"REMOVED"}, {{std::to_string(*removed)}}});
  answer.json = Json{{"schema", "evmesh.count.v1"}, {"removed", *removed}}.dump();
  return session.output().print(answer);
}

// Export and import.

/// Calls `take` with each letter's line.
Outcome<void> for_each_letter(Session& session, const std::string& query,
                              const std::function<Outcome<void>(const Json&)>& take) {
  std::string after;
  do {
    const auto page = session.get("/api/v1/dead-letters?whole=1&limit=1000" + after + query);
    if (!page) return tl::unexpected(page.error());
    const Json read = Json::parse(*page);
    for (const auto& item : read.at("items")) {
      if (auto taken = take(item); !taken) return taken;
    }
    const Json& next = read.at("next");
    after = next.is_null() ? "" : "&after=" + (next.is_string() ? next.get<std::string>() : next.dump());
  } while (!after.empty());
  return {};
}

Outcome<void> export_to(Session& session, const std::string& query, int fd, const std::string& name) {
  return for_each_letter(session, query, [&](const Json& letter) -> Outcome<void> {
    const int error = peers::write_fully(fd, letter.dump() + "\n");
    if (error != 0) return tl::unexpected(peers::io_failure("write", name, error));
    return {};
  });
}

Outcome<void> run_export(Session& session, const Arguments& arguments) {
  auto query = filter_query(arguments);
  if (!query) return tl::unexpected(query.error());
  *query += local_query(arguments, '&');
  if (!arguments.words.empty() && arguments.words[0] != "-") {
    return export_to_file(session, *query, arguments.words[0]);
  }
  if (session.output().form() != Form::json)
    return export_to(session, *query, STDOUT_FILENO, "standard output");
  Json items = Json::array();
  auto read = for_each_letter(session, *query, [&](const Json& letter) -> Outcome<void> {
    items.push_back(letter);
    return {};
  });
  if (!read) return read;
  Answer answer;
  answer.json = Json{{"schema", "evmesh.dead_letters.v1"}, {"items", std::move(items)}}.dump();
  return session.output().print(answer);
}

/// Reads lines and hands them on in requests of bounded size.
class Importer {
 public:
  Importer(Session& session, std::istream& lines, std::string name)
      : session_(session), lines_(lines), name_(std::move(name)) {}

  Outcome<void> run() {
    std::string line;
    while (std::getline(lines_, line)) {
      if (line.size() > line_bytes_max) {
        return end_with(ExitCode::data,
                        fmt::format("{}:{}: the line has more than 64 MiB", name_, read_ + 1));
      }
      if (batch_.size() + line.size() > import_bytes_max || count_ == import_lines_max) {
        if (auto sent = send(); !sent) return sent;
      }
      batch_ += line + '\n';
      ++count_;
      ++read_;
    }
    if (lines_.bad()) return tl::unexpected(peers::io_failure("read", name_, EIO));
    return send();
  }

  [[nodiscard]] Json answer() const {
    return {{"schema", "evmesh.imported.v1"}, {"read", imported_}, {"kept", kept_}};
  }

 private:
  Outcome<void> send() {
    if (count_ == 0) return {};
    const auto answered = session_.post("/api/v1/dead-letters/import", batch_);
    if (!answered) {
      return end_with(answered.error().code, fmt::format("{}, lines {} to {}: {}", name_, read_ - count_ + 1,
                                                         read_, answered.error().message));
    }
    const Json json = Json::parse(*answered);
    imported_ += json.at("read").get<std::uint64_t>();
    kept_ += json.at("kept").get<std::uint64_t>();
    batch_.clear();
    count_ = 0;
    return {};
  }

  Session& session_;
  std::istream& lines_;
  const std::string name_;
  std::string batch_;
  std::size_t count_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t imported_ = 0;
  std::uint64_t kept_ = 0;
};

Outcome<void> run_import(Session& session, const Arguments& arguments) {
  const std::string name = arguments.words.empty() ? "-" : arguments.words[0];
  std::ifstream file;
  if (name != "-") {
    file.open(name, std::ios::binary);
    if (!file) return tl::unexpected(peers::io_failure("read", name, errno));
  }
  Importer importer(session, name == "-" ? std::cin : file, name);
  if (auto done = importer.run(); !done) return done;
  const Json json = importer.answer();
  Answer answer;
  answer.tables.push_back({{"READ", "KEPT"}, {{number_text(json.at("read")), number_text(json.at("kept"))}}});
  answer.json = json.dump();
  if (auto printed = session.output().print(answer); !printed) return printed;
  if (json.at("read") != json.at("kept")) session.output().note("the others were there already");
  return {};
}

constexpr Flag all_flag{"all", "", "all dead letters"};

}  // namespace

Verb dead_letter_redeliver_verb() {
  Verb verb;
  verb.name = "dead-letter redeliver";
  verb.words = "[ID...]";
  verb.words_max = ids_max;
  verb.summary = "Owes dead letters to their groups again, as a task that survives restarts.";
  verb.examples =
      "  evmesh dead-letter redeliver -g quota --rate 50/s --wait\n"
      "  evmesh dead-letter redeliver --all --dry-run\n";
  verb.flags = filter_flags();
  verb.flags.push_back(all_flag);
  verb.flags.push_back({"limit", "COUNT", "at most so many"});
  verb.flags.push_back({"rate", "RATE", "at most so many per second, like 50/s"});
  verb.flags.push_back({"dry-run", "", "only counts what it would redeliver"});
  verb.flags.push_back({"wait", "", "waits until the task is over, for ever or as long as --timeout says"});
  verb.flags.push_back(local_flag);
  verb.run = run_redeliver;
  return verb;
}

Verb dead_letter_rm_verb() {
  Verb verb;
  verb.name = "dead-letter rm";
  verb.words = "[ID...]";
  verb.words_max = ids_max;
  verb.summary = "Removes dead letters for good.";
  verb.examples =
      "  evmesh dead-letter rm -g statistics --until 720h --export old.jsonl --yes\n"
      "  evmesh dead-letter rm 019aab12-0000-8000-8000-000000000001\n";
  verb.flags = filter_flags();
  verb.flags.push_back(all_flag);
  verb.flags.push_back({"export", "FILE", "writes them to this new file first"});
  verb.flags.push_back({"yes,y", "", "does not ask"});
  verb.flags.push_back(local_flag);
  verb.run = run_rm;
  return verb;
}

Verb dead_letter_export_verb() {
  Verb verb;
  verb.name = "dead-letter export";
  verb.words = "[FILE|-]";
  verb.words_max = 1;
  verb.summary = "Writes dead letters, whole, as one JSON value per line; they stay.";
  verb.examples =
      "  evmesh dead-letter export -g quota quota.jsonl\n  evmesh dead-letter export | gzip > letters.gz\n";
  verb.flags = filter_flags();
  verb.flags.push_back(local_flag);
  verb.run = run_export;
  return verb;
}

Verb dead_letter_import_verb() {
  Verb verb;
  verb.name = "dead-letter import";
  verb.words = "[FILE|-]";
  verb.words_max = 1;
  verb.summary = "Keeps exported dead letters here; those that are here already are left as they are.";
  verb.examples =
      "  evmesh dead-letter import quota.jsonl\n  zcat letters.gz | evmesh dead-letter import -\n";
  verb.run = run_import;
  return verb;
}

}  // namespace evmesh::cli
