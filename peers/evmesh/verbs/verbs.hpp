#pragma once

#include "evmesh/command.hpp"

/// One function per verb, each giving its words, flags, examples and what it does.
namespace evmesh::cli {

[[nodiscard]] Verb dispatch_verb();
[[nodiscard]] Verb listen_verb();
[[nodiscard]] Verb status_verb();
[[nodiscard]] Verb member_ls_verb();
[[nodiscard]] Verb member_show_verb();
[[nodiscard]] Verb member_leave_verb();
[[nodiscard]] Verb member_forget_verb();
[[nodiscard]] Verb key_ls_verb();
[[nodiscard]] Verb group_ls_verb();
[[nodiscard]] Verb group_show_verb();
[[nodiscard]] Verb group_pause_verb();
[[nodiscard]] Verb group_resume_verb();
[[nodiscard]] Verb group_rm_verb();
[[nodiscard]] Verb dead_letter_ls_verb();
[[nodiscard]] Verb dead_letter_show_verb();
[[nodiscard]] Verb dead_letter_redeliver_verb();
[[nodiscard]] Verb dead_letter_rm_verb();
[[nodiscard]] Verb dead_letter_export_verb();
[[nodiscard]] Verb dead_letter_import_verb();
[[nodiscard]] Verb task_ls_verb();
[[nodiscard]] Verb task_show_verb();
[[nodiscard]] Verb task_wait_verb();
[[nodiscard]] Verb task_cancel_verb();
[[nodiscard]] Verb event_show_verb();
[[nodiscard]] Verb explain_verb();
[[nodiscard]] Verb journal_check_verb();
[[nodiscard]] Verb version_verb();
[[nodiscard]] Verb completion_verb();

}  // namespace evmesh::cli
