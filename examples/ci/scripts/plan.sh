#!/bin/sh
# Plans for a review. BASE: plan only what was touched since the common ancestor with this branch; OUT: folder of the reports. Ends with
# 4 when the guard would refuse the change, so that the check of the pull request fails; the reports are written all the same.
set -eu
out=${OUT:-rulekeep-out}
mkdir -p "$out"
set -- --out "$out/plan.json" --fail-on error -o text \
    -o "markdown=$out/comment.md" -o "html=$out/plan.html" -o "sarif=$out/rulekeep.sarif" \
    -o "junit=$out/junit.xml" -o "gitlab=$out/gitlab.json" -o "codequality=$out/quality.json"
if [ -n "${BASE:-}" ]; then
    set -- "$@" --since "$BASE..."
fi
rulekeep plan "$@"
