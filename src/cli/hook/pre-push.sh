#!/bin/sh
# rulekeep hook: pre-push
# Written by `rulekeep hook install`; `rulekeep hook uninstall` takes it away. Checks every commit that a branch is pushed to.
set -u
project=@PROJECT@
@FIND@
input=$(cat)
@CHAIN@
while read -r ref id _; do
    # A branch that goes away, or one without the project, has nothing to check.
    case $id in '' | *[!0]*) ;; *) continue ;; esac
    [ -n "$id" ] || continue
    git cat-file -e "$id:$project" 2>/dev/null || continue
    if ! "$rulekeep" validate --commit "$id" --project "$project" >&2; then
        echo "rulekeep: $ref is not pushed; mend what is said above (git push --no-verify skips the check)" >&2
        exit 1
    fi
done <<INPUT
$input
INPUT
