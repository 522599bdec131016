#!/bin/sh
# Keeps one comment on a pull request: the one of ours that has the marker is brought up to date, or the first one is made.
# github-comment.sh OWNER/REPOSITORY NUMBER FILE; needs `gh` with GH_TOKEN and `permissions: { pull-requests: write }`.
set -eu
repository=$1
number=$2
file=$3
# The file says whose comment it is: of a plan, of an apply, of a part of the project (`--shard`). Each is kept for itself.
marker=$(sed -n 's/.*\(<!-- rulekeep:[^>]* -->\).*/\1/p;q' "$file")
# Nobody else's comment is taken for ours, whatever is written in it.
author=${COMMENT_AUTHOR:-github-actions[bot]}
if [ -z "$marker" ]; then
    echo "$file has no <!-- rulekeep:.. --> in its first line: is it rulekeep's comment?" >&2
    exit 1
fi
id=$(AUTHOR=$author MARKER=$marker gh api --paginate "repos/$repository/issues/$number/comments" \
    --jq '.[] | select(.user.login == env.AUTHOR and (.body | contains(env.MARKER))) | .id' | head -n 1)
if [ -n "$id" ]; then
    gh api --method PATCH "repos/$repository/issues/comments/$id" --field "body=@$file" >/dev/null
    echo "comment $id is up to date"
else
    gh api --method POST "repos/$repository/issues/$number/comments" --field "body=@$file" >/dev/null
    echo "commented"
fi
