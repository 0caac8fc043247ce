#include "evmesh-maildir/user_mail.hpp"

#include <utility>

#include "base/limits.hpp"
#include "base/log_sink.hpp"

#include "evmesh-maildir/event_maker.hpp"

namespace evmesh::maildir {
namespace {

using peers::ExitCode;

// Room for the brackets and names around each event in the body of a request.
constexpr std::uint64_t event_overhead_bytes = 32;
constexpr std::uint64_t body_bytes_max = limits::batch_bytes_max;
constexpr std::size_t sentences_max = 10'000;  // remembered, so that each is logged once

tl::unexpected<Trouble> state_trouble(peers::Failure failure) {
  return tl::unexpected(Trouble{Trouble::Where::state, std::move(failure)});
}

std::uint64_t bytes_of(const OutgoingEvent& event) {
  std::uint64_t bytes = event.event.size() + event_overhead_bytes;
  for (const std::string& key : event.keys) bytes += key.size() + 4;
  return bytes;
}

/// The events of a step as they go out. They hold nothing but checked text, so a failure is a bug.
tl::expected<std::vector<OutgoingEvent>, Trouble> encode(const std::vector<KeyedEvent>& events) {
  std::vector<OutgoingEvent> encoded;
  for (const KeyedEvent& keyed : events) {
    auto json = mailbox::encode_json(keyed.event);
    if (!json) {
      return tl::unexpected(Trouble{Trouble::Where::refused,
                                    {ExitCode::bug, "cannot encode an event: " + json.error().message}});
    }
    OutgoingEvent out{std::move(*json), {}};
    for (const RegistrationKey& key : keyed.keys) out.keys.push_back(key.to_string());
    encoded.push_back(std::move(out));
  }
  return encoded;
}

}  // namespace

UserMail::UserMail(Parts parts)
    : parts_(std::move(parts)),
      scanner_(parts_.maildir, parts_.base),
      state_(std::move(parts_.loaded.state)),
      pending_(std::move(parts_.loaded.pending)),
      recorded_(pending_.has_value()),
      last_batch_(parts_.loaded.last_batch) {}

tl::expected<Pass, Trouble> UserMail::pass(Dispatcher& dispatcher, Totals& totals) {
  if (auto told = tell_pending(dispatcher, totals); !told) return tl::unexpected(told.error());
  ScanReport report = scanner_.scan();
  note(report, totals);
  Pass pass{.has_maildir = report.found == ScanReport::Found::maildir,
            .again_soon = false,
            .directories = std::move(report.directories)};
  if (report.found == ScanReport::Found::unknown) return pass;
  if (report.found == ScanReport::Found::gone && !known()) return pass;

  const auto steps = plan(state_, report.scan, patience_, parts_.new_id);
  if (auto told = tell(steps, dispatcher, totals); !told) return tl::unexpected(told.error());
  if (auto forgotten = forget_when_gone(); !forgotten) return tl::unexpected(forgotten.error());
  pass.again_soon = !report.scan.quiet && (pass.has_maildir || patience_.waiting());
  return pass;
}

UserMail::Told UserMail::tell(const std::vector<Step>& steps, Dispatcher& dispatcher, Totals& totals) {
  for (const Step& step : steps) {
    if (auto added = add_to_batch(step, dispatcher, totals); !added) return added;
  }
  return tell_pending(dispatcher, totals);
}

/// Makes the step part of the batch that is being filled; tells that one first when it would become too
/// large.
UserMail::Told UserMail::add_to_batch(const Step& step, Dispatcher& dispatcher, Totals& totals) {
  Made made = make(step, state_, {parts_.user, parts_.seconds()});
  auto events = encode(made.events);
  if (!events) return tl::unexpected(events.error());
  std::uint64_t bytes = 2;
  for (const OutgoingEvent& event : *events) bytes += bytes_of(event);
  const bool full = pending_ && (batch_bytes_ + bytes > body_bytes_max ||
                                 pending_->events.size() + events->size() > limits::batch_events_max);
  if (full) {
    if (auto told = tell_pending(dispatcher, totals); !told) return told;
  }
  if (!pending_) {
    pending_ = Batch{.number = ++last_batch_, .events = {}, .changes = {}};
    recorded_ = false;
    batch_bytes_ = 0;
  }
  batch_bytes_ += bytes;
  totals.keys_left_out += made.keys_left_out;
  if (made.keys_left_out != 0) {
    say_once(LogLevel::warning, "key_left_out",
             "a folder's name is too long for a MailboxPath key of 255 bytes");
  }
  apply_changes(state_, made.changes);
  std::move(events->begin(), events->end(), std::back_inserter(pending_->events));
  std::move(made.changes.begin(), made.changes.end(), std::back_inserter(pending_->changes));
  return {};
}

UserMail::Told UserMail::tell_pending(Dispatcher& dispatcher, Totals& totals) {
  if (!pending_) return {};
  if (!recorded_) {
    if (auto recorded = parts_.log.record(state_, *pending_); !recorded)
      return state_trouble(recorded.error());
    recorded_ = true;
  }
  if (!pending_->events.empty()) {
    if (auto told = dispatcher.dispatch(*pending_); !told) return told;
    totals.events += pending_->events.size();
    ++totals.batches;
  }
  const std::uint64_t number = pending_->number;
  pending_.reset();
  // A failure here loses nothing: the batch may be told once more after a restart.
  if (auto settled = parts_.log.settle(number); !settled) return state_trouble(settled.error());
  return {};
}

UserMail::Told UserMail::forget_when_gone() {
  if (known() || last_batch_ == 0) return {};
  if (auto removed = parts_.log.remove(); !removed) return state_trouble(removed.error());
  last_batch_ = 0;
  return {};
}

void UserMail::note(const ScanReport& report, Totals& totals) {
  for (const std::string& sentence : report.left_out) {
    if (!said_.contains(sentence)) ++totals.left_out;
    say_once(LogLevel::warning, "name_left_out", sentence);
  }
  for (const std::string& sentence : report.unreadable)
    say_once(LogLevel::error, "folder_unreadable", sentence);
  if (report.found != ScanReport::Found::unknown) return;
  say_once(known() ? LogLevel::error : LogLevel::debug, "maildir_unreadable", report.error);
}

void UserMail::say_once(LogLevel level, const char* what, const std::string& sentence) {
  if (said_.size() >= sentences_max) said_.clear();
  if (!said_.insert(sentence).second) return;
  base::log(parts_.log_sink, level, what, {{"user", parts_.user}, {"why", sentence}});
}

}  // namespace evmesh::maildir
