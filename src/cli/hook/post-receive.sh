#!/bin/sh
# rulekeep hook: post-receive
# Written by `rulekeep hook install`; `rulekeep hook uninstall` takes it away. Applies the branch after a push to it, from a work
# tree of its own, in which .rulekeep (journals, undo files, audit trail) stays.
set -u
project=@PROJECT@
branch=@BRANCH@
worktree=@WORKTREE@
@FIND@
# The branch may have moved on while this waited for its turn: the newest state is applied.
apply_newest() {
    # Objects that a push put in place of others are not what is checked.
    export GIT_NO_REPLACE_OBJECTS=1
    # Attributes of the commit, such as working-tree-encoding, would make files others than those that are checked. A git before
    # 2.41 does not know this, nor does it end filters that the server's own attributes ask for: the files are compared below.
    GIT_ATTR_SOURCE=$(git --git-dir="$repository" hash-object -t tree --stdin </dev/null) || return 1
    export GIT_ATTR_SOURCE
    new=$(git --git-dir="$repository" rev-parse --verify --quiet "refs/heads/$branch^{commit}") || return 0
    short=$(git --git-dir="$repository" rev-parse --short "$new")
    # pre-receive need not be there. Nothing of a commit that leads out of the repository, or holds .rulekeep, reaches the disk.
    if ! GIT_DIR=$repository "$rulekeep" validate --quiet --commit "$new" --project "$project"; then
        echo "rulekeep: $branch is at $short, which is not applied: mend what is said above and push again"
        return 1
    fi
    if [ -e "$worktree/.git" ]; then
        git -C "$worktree" checkout --quiet --force --detach "$new" || return 1
    else
        git --git-dir="$repository" worktree add --quiet --force --detach "$worktree" "$new" || return 1
    fi
    cd "$worktree" || return 1
    if ! "$rulekeep" hook unaltered "$new"; then
        echo "rulekeep: $branch is at $short, which is not applied"
        return 1
    fi
    "$rulekeep" apply --yes --lock-timeout 10m --project "$project"
    status=$?
    if [ "$status" -eq 0 ]; then
        echo "rulekeep: the cloud holds what $branch declares at $short"
    else
        echo "rulekeep: $branch is at $short, but the apply ended with $status: see above, mend it, and push again"
    fi
    return "$status"
}
if [ "${1-}" = --locked ]; then
    repository=$2
    apply_newest
    exit
fi

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

# One apply at a time, this script's second half: the lock is the system's and ends with whoever holds it.
exec "$rulekeep" hook locked "$repository" -- "$0" --locked "$repository"
