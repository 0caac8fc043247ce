#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <evmesh/bus.hpp>

#include "admin/http.hpp"

namespace evmesh::admin {

/// Lines between a listener and a slow reader: bounded, the oldest leave first, and a gap line tells how
/// many. Thread-safe.
class StreamBuffer {
 public:
  /// `dropped_total` counts what left unread and outlives the buffer.
  StreamBuffer(std::size_t bytes_max, std::atomic<std::uint64_t>& dropped_total);

  /// Adds a line without its end. Never waits for the reader.
  void push(std::string line);

  /// Whole lines of at most `bytes_max` bytes, or the next piece of a longer line; an empty line when nothing
  /// came for `keep_alive`; nothing after `close`, when all is read.
  [[nodiscard]] std::optional<std::string> pop(std::size_t bytes_max, std::chrono::milliseconds keep_alive);

  /// The next `pop` gives an empty line at once when it has nothing else: a reader that is gone is noticed by
  /// writing to it.
  void probe();

  /// Ends the stream when what is in it has been read. Idempotent.
  void close();

 private:
  void drop_oldest();

  const std::size_t bytes_max_;
  std::atomic<std::uint64_t>& dropped_total_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;  // since the last gap line
  std::string begun_;          // the rest of a line whose beginning was taken
  bool closed_ = false;
  bool probed_ = false;
};

/// What a stream shows.
struct StreamFilter {
  std::string bus;
  std::string type_glob;  ///< `*` and `?` as in a shell; empty: every type
};

/// A listener that writes each event and gap as a JSON line into a buffer.
[[nodiscard]] std::shared_ptr<Listener> make_stream_listener(std::shared_ptr<StreamBuffer> buffer,
                                                             StreamFilter filter);

/// One event as `listen` prints it: the view of the event with "bus", "key" and, when it came over the mesh,
/// "origin".
[[nodiscard]] std::string stream_line(const Delivery& delivery, const std::string& bus);

/// `{"gap":{...}}`.
[[nodiscard]] std::string gap_line(const Gap& gap, const std::string& bus);

}  // namespace evmesh::admin
