#!/bin/sh
# The same for Gitea (Forgejo) and GitLab, with curl and jq: forge-comment.sh gitea|gitlab PROJECT NUMBER FILE.
# FORGE_URL: https://git.example.com; FORGE_TOKEN: a token that may comment. COMMENT_AUTHOR: its user's login name.
set -eu
forge=$1
project=$2
number=$3
file=$4
# The file says whose comment it is: of a plan, of an apply, of a part of the project (`--shard`). Each is kept for itself.
marker=$(sed -n 's/.*\(<!-- rulekeep:[^>]* -->\).*/\1/p;q' "$file")
author=${COMMENT_AUTHOR:?the login name of the token user}
if [ -z "$marker" ]; then
    echo "$file has no <!-- rulekeep:.. --> in its first line: is it rulekeep's comment?" >&2
    exit 1
fi
case $forge in
gitea)
    list="${FORGE_URL:?}/api/v1/repos/$project/issues/$number/comments"
    one="$FORGE_URL/api/v1/repos/$project/issues/comments"
    header="Authorization: token ${FORGE_TOKEN:?}"
    update=PATCH
    name=.user.login
    ;;
gitlab)
    project=$(printf %s "$project" | jq --raw-input --raw-output @uri)
    list="${FORGE_URL:?}/api/v4/projects/$project/merge_requests/$number/notes"
    one=$list
    header="PRIVATE-TOKEN: ${FORGE_TOKEN:?}"
    update=PUT
    name=.author.username
    ;;
*)
    echo "gitea or gitlab, not $forge" >&2
    exit 64
    ;;
esac
# The token goes through a file of its own, so that no list of processes shows it.
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
printf '%s\nContent-Type: application/json\n' "$header" >"$headers"
send() {
    method=$1
    shift
    curl --fail --silent --show-error --retry 3 --header "@$headers" --request "$method" "$@"
}
# Page by page until one has nothing: servers give fewer at a time than they are asked for. Some give all on each page.
id=
page=1
before=
while [ -z "$id" ] && [ "$page" -le 100 ]; do
    found=$(send GET "$list?per_page=100&limit=100&page=$page")
    if [ "$(printf %s "$found" | jq length)" -eq 0 ] || [ "$found" = "$before" ]; then
        break
    fi
    id=$(printf %s "$found" | jq --raw-output --arg author "$author" --arg marker "$marker" \
        "[.[] | select($name == \$author and (.body | contains(\$marker))) | .id] | first // empty")
    before=$found
    page=$((page + 1))
done
if [ -n "$id" ]; then
    jq --null-input --rawfile body "$file" '{ body: $body }' | send "$update" --data-binary @- "$one/$id" >/dev/null
    echo "comment $id is up to date"
else
    jq --null-input --rawfile body "$file" '{ body: $body }' | send POST --data-binary @- "$list" >/dev/null
    echo "commented"
fi
