#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Bounds that hold everywhere and defaults of those that are options. What happens at each bound is a
/// documented outcome or a policy with a counter; nothing grows without one.
namespace evmesh::limits {

inline constexpr std::uint64_t kib = 1024;
inline constexpr std::uint64_t mib = 1024 * kib;

// What an application hands in. Source: the project's table of bounds.
inline constexpr std::uint64_t event_size_bytes_default = 1 * mib;  ///< payload plus headers
inline constexpr std::uint64_t event_size_bytes_max = 16 * mib;     ///< highest value of the option above
inline constexpr std::size_t headers_max = 32;                      ///< names per event
inline constexpr std::size_t headers_bytes_max = 8 * kib;           ///< names and values together
inline constexpr std::size_t type_bytes_max = 255;                  ///< event type name
inline constexpr std::size_t user_bytes_max = 255;                  ///< event user
inline constexpr std::size_t key_bytes_max = 255;                   ///< whole `Type:value`
inline constexpr std::size_t group_bytes_max = 255;                 ///< group name
inline constexpr std::size_t node_name_bytes_max = 64;              ///< `[A-Za-z0-9._-]{1,64}`
inline constexpr std::size_t dispatch_keys_max = 256;               ///< keys in one dispatch
inline constexpr std::size_t batch_events_max = 1024;               ///< events in one batch of one caller
inline constexpr std::uint64_t batch_bytes_max = 1 * mib;           ///< payloads and headers of that batch
inline constexpr std::size_t nesting_depth_max = 16;                ///< dispatch inside a listener inside ...

// What a node holds. Source: the project's table of bounds.
inline constexpr std::size_t keys_per_node_max = 250'000;       ///< distinct registered keys
inline constexpr std::uint64_t ring_bytes = 64 * mib;           ///< publisher's repair ring, per bus
inline constexpr std::uint64_t window_bytes = 8 * mib;          ///< flow window, per bus
inline constexpr std::chrono::milliseconds notify_wait{100};    ///< dispatch waits this long for the window
inline constexpr std::uint64_t inbox_bytes = 32 * mib;  ///< what waits for one listener: room for the window that is
                                                        ///< under way when a busy listener begins to hold a publisher back
inline constexpr std::size_t async_dispatches_max = 65'536;  ///< waiting in `dispatch_async`, per bus
inline constexpr std::uint64_t async_bytes_max = 64 * mib;   ///< what they hold together
inline constexpr std::size_t decoders_max = 1'024;                   ///< event types with a decoder of the application
inline constexpr std::size_t buses_max = 16;                        ///< named buses in one node
inline constexpr std::uint32_t copies_max = 5;                       ///< of group work, the owner's included
inline constexpr std::size_t members_max = 64;                      ///< rows of the membership table
inline constexpr std::size_t pool_threads_max = 64;                 ///< threads that run listeners, per node
inline constexpr std::size_t mixed_parallel_max = 10;  ///< synchronous listeners side by side in `mixed`
inline constexpr std::size_t group_concurrency_default = 10;  ///< runs of one group at once, per node
inline constexpr std::chrono::minutes execution_timeout{10};  ///< one run of a group listener
inline constexpr std::chrono::seconds flush_at_stop{2};  ///< peers get this long to report what was accepted
inline constexpr std::chrono::seconds drain{10};              ///< running calls at stop

// What travels between nodes.
/// An encoded event beside what the event limit counts: version, format, id, time, type, user, every key with its length, the
/// lengths of names, values and payload.
inline constexpr std::uint64_t event_envelope_bytes_max = 1 + 1 + 16 + 8 + (1 + type_bytes_max) + (1 + user_bytes_max) + 2 +
                                                          dispatch_keys_max * (1 + key_bytes_max) + 1 + headers_max * (2 + 2) + 4;
inline constexpr std::uint64_t frame_overhead_bytes = 66 * kib;  ///< MAXMSGSIZE is the event limit plus this; holds the line above
inline constexpr std::uint64_t packed_message_bytes_max = 64 * kib;      ///< events that share a message
inline constexpr std::uint64_t announcement_frame_bytes_max = 64 * kib;  ///< a whole set travels in pieces
inline constexpr std::size_t announcement_frame_keys_max = 8'064;  ///< (64 - 1) KiB of hashes: such a piece keeps the line above
inline constexpr std::size_t announcement_parts_max = 256;         ///< pieces of one whole set
inline constexpr std::size_t member_entries_max = 128;  ///< members, and those that left or were forgotten
inline constexpr std::size_t cluster_bytes_max = 255;   ///< cluster name
inline constexpr std::size_t endpoint_bytes_max = 255;  ///< tcp://ADDRESS:PORT
inline constexpr std::size_t reject_text_bytes_max = 1024;    ///< what a REJECT tells a person
inline constexpr std::uint64_t held_bytes_max = 4 * mib;      ///< frames held while a hole is repaired
inline constexpr std::uint64_t link_credit_bytes = 4 * mib;   ///< in flight per link, all but control
inline constexpr std::uint64_t bulk_credit_bytes = 1 * mib;   ///< of that, repair, copies and snapshots
inline constexpr std::uint64_t dealer_bytes_max = 256 * kib;  ///< handed to one DEALER at a time
inline constexpr std::size_t socket_messages_per_turn = 256;  ///< taken from one socket per engine turn

// Group work. Source: the James event bus (8 retries, 100 ms, 0.5) and the project's table of bounds.
inline constexpr unsigned retries_default = 8;
inline constexpr std::chrono::milliseconds retry_first_delay{100};
inline constexpr double retry_jitter = 0.5;  ///< delays are stretched, never shortened
inline constexpr std::chrono::seconds retry_delay_cap{30};
inline constexpr std::size_t group_concurrency_max = 64;              ///< highest value of the option
inline constexpr std::uint64_t group_backlog_max = 1'000'000;         ///< events owed to one group
inline constexpr std::uint64_t group_backlog_max_highest = 100'000'000;
inline constexpr std::uint64_t group_backlog_bytes_max = 1024 * mib;  ///< what they hold together
inline constexpr std::size_t retries_waiting_max = 1'000'000;         ///< timers of one node
inline constexpr std::size_t attempt_error_bytes_max = 1 * kib;       ///< what is kept of what a failed attempt said
inline constexpr std::size_t attempts_kept_max = 64;                  ///< of one obligation, over all its redeliveries: the last
inline constexpr std::size_t finished_kept_max = 10'000;               ///< ended obligations that `event show` knows
inline constexpr std::size_t tasks_kept_max = 100;                     ///< unfinished ones among them
inline constexpr std::size_t dispatch_groups_max = 1024;              ///< groups that one event is owed to
inline constexpr std::uint64_t owed_groups_bytes_max = 1 * mib;       ///< names and attempts of groups in one record of the journal
inline constexpr std::uint64_t dead_letters_bytes_max = 10 * 1024 * mib;  ///< on a disk; the oldest of the group are exported
inline constexpr std::uint64_t copied_letters_max =
    100'000;  ///< of one node, that each of its guardians keeps: the newest
inline constexpr std::uint64_t copied_letters_bytes_max = 64 * mib;   ///< what they hold together
inline constexpr std::uint64_t memory_dead_letters_max = 100'000;     ///< of one bus that keeps them in memory
inline constexpr std::uint64_t memory_dead_letters_bytes_max = 256 * mib;  ///< what they hold together

// What nodes say to each other about group work; frames are cut to `packed_message_bytes_max`.
inline constexpr std::size_t required_groups_max = 1'024;  ///< of all buses together, removed ones included
inline constexpr std::size_t work_list_max = 4'000;  ///< elements of a list; ranges of numbers then fill (64 - 1) KiB
inline constexpr std::size_t work_deliveries_max = 1'024;     ///< in one frame
inline constexpr std::size_t pause_reason_bytes_max = 1'024;  ///< why an operator paused a group
inline constexpr std::size_t operation_bytes_max = 64;        ///< name of what one node asks another for
inline constexpr std::size_t ask_bytes_max = 64 * kib;        ///< its arguments; of the answer, each part
inline constexpr std::size_t reply_parts_max = 1'024;

// The journal of a node.
inline constexpr std::uint64_t journal_record_bytes_max = event_size_bytes_max + 2 * mib;  ///< an event and all about it
inline constexpr std::uint64_t journal_segment_bytes_min = 8 * kib;     ///< of one file; tests take such small ones
inline constexpr std::uint64_t journal_segment_bytes_max = 1024 * mib;  ///< of one file
inline constexpr std::size_t journal_spares_max = 4;                    ///< dropped files kept for new records

// The admin surface.
inline constexpr std::size_t admin_body_bytes_max = 64 * kib;  ///< all routes but the event route
inline constexpr std::size_t unix_path_bytes_max = 107;        ///< sun_path of Linux without its end

}  // namespace evmesh::limits
