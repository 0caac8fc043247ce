#!/bin/sh
# A mandatory member that is left out does not compile, and the same text with it does.
# Usage: forgotten_member_test.sh SOURCE INCLUDE_DIR COMPILER...
set -u
source=$1
include=$2
shift 2

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
failed=0

if ! "$@" -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I"$include" "$source" 2>"$errors"; then
  echo "FAILED: the complete event does not compile:"
  cat "$errors"
  failed=1
fi
for member in user session_id path path_name mailbox_id added; do
  if "$@" -std=c++20 -fsyntax-only -I"$include" -DFORGET_$member "$source" 2>"$errors"; then
    echo "FAILED: the event compiles without $member"
    failed=1
  elif ! grep -q 'Required' "$errors"; then
    echo "FAILED: without $member it does not compile, but for another reason:"
    cat "$errors"
    failed=1
  fi
done
exit $failed
