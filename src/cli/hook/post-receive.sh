#!/bin/sh
# rulekeep hook: post-receive
# Written by `rulekeep hook install`; `rulekeep hook uninstall` takes it away. Applies the branch after a push to it, from a work
# tree of its own, in which .rulekeep (journals, undo files, audit trail) stays.
set -u
project=@PROJECT@
branch=@BRANCH@
worktree=@WORKTREE@
@FIND@
input=$(cat)
@CHAIN@
pushed=
while read -r _ new ref; do
    [ "$ref" = "refs/heads/$branch" ] || continue
    case $new in *[!0]*) pushed=$new ;; esac
done <<INPUT
$input
INPUT
[ -n "$pushed" ] || exit 0

# What git tells its hooks of the repository would be taken for the work tree's.
repository=$(git rev-parse --absolute-git-dir) || exit 1
# shellcheck disable=SC2046
unset $(git rev-parse --local-env-vars)

# One apply at a time. A lock whose owner is gone is taken over.
lock=$repository/rulekeep.lock
waited=0
until mkdir "$lock" 2>/dev/null; do
    owner=$(cat "$lock/pid" 2>/dev/null)
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
        rm -rf "$lock"
        continue
    fi
    if [ "$waited" -ge 600 ]; then
        echo "rulekeep: another apply has been under way for ten minutes; $branch is not applied (lock: $lock)"
        exit 1
    fi
    [ "$waited" -ne 0 ] || echo "rulekeep: waiting for another apply"
    waited=$((waited + 1))
    sleep 1
done
echo "$$" >"$lock/pid"
trap 'rm -rf "$lock"' EXIT
trap 'exit 1' HUP INT TERM

# The branch may have moved on while this waited: the newest state is applied.
new=$(git --git-dir="$repository" rev-parse --verify --quiet "refs/heads/$branch^{commit}") || exit 0
if [ -e "$worktree/.git" ]; then
    git -C "$worktree" checkout --quiet --force --detach "$new" || exit 1
else
    git --git-dir="$repository" worktree add --quiet --force --detach "$worktree" "$new" || exit 1
fi
short=$(git --git-dir="$repository" rev-parse --short "$new")
cd "$worktree" || exit 1
"$rulekeep" apply --yes --lock-timeout 10m --project "$project"
status=$?
if [ "$status" -eq 0 ]; then
    echo "rulekeep: the cloud holds what $branch declares at $short"
else
    echo "rulekeep: $branch is at $short, but the apply ended with $status: see above, mend it, and push again"
fi
exit "$status"
