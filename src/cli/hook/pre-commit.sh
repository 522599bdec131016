#!/bin/sh
# rulekeep hook: pre-commit
# Written by `rulekeep hook install`; `rulekeep hook uninstall` takes it away. Checks what is staged, not the working tree.
set -u
project=@PROJECT@
@FIND@
@CHAIN@
if ! git cat-file -e ":$project" 2>/dev/null; then
    echo "rulekeep: $project is not in this commit, so nothing of it is checked. Is it called otherwise now? \`rulekeep --project FILE hook install\`; is it gone? \`rulekeep hook uninstall\`" >&2
    exit 0
fi
# Nothing staged concerns the project, also where it reaches beyond its folder: nothing to check.
[ "$("$rulekeep" hook touched --project "$project" 2>/dev/null)" = untouched ] && exit 0

failed=0
"$rulekeep" validate --staged --project "$project" >&2 || failed=1
"$rulekeep" fmt --check --staged --project "$project" >&2 || failed=1
if [ "$failed" -ne 0 ]; then
    echo "rulekeep: not committed; mend what is said above and stage it (git commit --no-verify skips the check)" >&2
    exit 1
fi
