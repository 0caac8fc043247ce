#include "evmesh/verbs/verbs.hpp"

namespace evmesh::cli {

const std::vector<Verb>& all_verbs() {
  static const std::vector<Verb> verbs{
      dispatch_verb(),    listen_verb(),        status_verb(),        member_ls_verb(),
      member_show_verb(), member_leave_verb(),  member_forget_verb(), key_ls_verb(),
      explain_verb(),     journal_check_verb(), version_verb(),       completion_verb(),
  };
  return verbs;
}

}  // namespace evmesh::cli
