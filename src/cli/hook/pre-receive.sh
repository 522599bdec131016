#!/bin/sh
# rulekeep hook: pre-receive
# Written by `rulekeep hook install`; `rulekeep hook uninstall` takes it away. Refuses pushes whose files have an error. Nothing
# is checked out: the files are read from what was pushed, and links out of the repository are not followed.
set -u
project=@PROJECT@
branch=@BRANCH@
@FIND@
input=$(cat)
@CHAIN@
failed=0
while read -r _ new ref; do
    [ "$ref" = "refs/heads/$branch" ] || continue
    # A branch that goes away has no files.
    case $new in *[!0]*) ;; *) continue ;; esac
    if ! "$rulekeep" validate --commit "$new" --project "$project"; then
        echo "rulekeep: the push to $branch is refused: mend what is said above and push again"
        failed=1
    fi
done <<INPUT
$input
INPUT
exit "$failed"
