#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {

const std::vector<Verb>& all_verbs() {
  static const std::vector<Verb> verbs{
      dispatch_verb(),
      listen_verb(),
      status_verb(),
      member_ls_verb(),
      member_show_verb(),
      member_leave_verb(),
      member_forget_verb(),
      key_ls_verb(),
      group_ls_verb(),
      group_show_verb(),
      group_pause_verb(),
      group_resume_verb(),
      group_rm_verb(),
      dead_letter_ls_verb(),
      dead_letter_show_verb(),
      dead_letter_redeliver_verb(),
      dead_letter_rm_verb(),
      dead_letter_export_verb(),
      dead_letter_import_verb(),
      task_ls_verb(),
      task_show_verb(),
      task_wait_verb(),
      task_cancel_verb(),
      event_show_verb(),
      explain_verb(),
      journal_check_verb(),
      version_verb(),
      completion_verb(),
  };
  return verbs;
}

}  // namespace evmesh::cli
