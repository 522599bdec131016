#!/bin/sh
# rulekeep hook: pre-commit
# Written by `rulekeep hook install`; `rulekeep hook uninstall` takes it away. Checks what is staged, not the working tree.
set -u
project=@PROJECT@
@FIND@
@CHAIN@
# Nothing of the project is staged: nothing to check.
folder=$(dirname -- "$project")
git --literal-pathspecs diff --cached --quiet -- "$folder" && exit 0

failed=0
"$rulekeep" validate --staged --project "$project" >&2 || failed=1
"$rulekeep" fmt --check --staged --project "$project" >&2 || failed=1
if [ "$failed" -ne 0 ]; then
    echo "rulekeep: not committed; mend what is said above and stage it (git commit --no-verify skips the check)" >&2
    exit 1
fi
